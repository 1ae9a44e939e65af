"""`netreserve run` in this process: how far it is, Ctrl-C, and what came out."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Protocol

from controller.cli.console import console, print_json, say
from controller.cli.session import database_url, runs_folder
from controller.experiment.exitcodes import EXIT_INTERRUPTED
from controller.experiment.record import Result
from controller.experiment.scenario import Scenario
from controller.simulated.local import LocalRun
from nodes.units import SECOND_NS

QUIET_S = 2.0
"""A simulation shorter than this shows no progress where there is no terminal (own)."""


class Meter(Protocol):
    """Shows how far virtual time has come; used as a context manager around the run."""

    def __enter__(self) -> Meter: ...
    def __exit__(self, *error: object) -> None: ...
    def heard(self, done_ns: int, total_ns: int) -> None:
        """`done_ns` of about `total_ns` of virtual time are simulated."""


def carry_out(scenario: Scenario, runs: Path | None, *, as_written: bool, json: bool, traced: bool = False) -> int:
    """Simulates, records and tells: the verdict in any case, then what became of the record. Answers with the exit code.
    `as_written`: the arms of `scenario` hold for it. Raises what LocalRun does, and HarnessError when the
    record is not whole."""
    with LocalRun(scenario, runs_folder(runs), url=database_url(), traced=traced) as run:
        with _meter(json=json) as meter, _stoppable(meter) as stop:

            def heard(done_ns: int, total_ns: int) -> None:
                stop()
                meter.heard(done_ns, total_ns)

            run.simulate(heard)
        ended = run.record()
    tell(ended.result, ended.folder, json=json)
    if ended.fault is not None:
        raise ended.fault
    if ended.problem:
        say(f"no report: {ended.problem}; the run is kept in {ended.folder}")
    if not json:
        from controller.cli.foresight import say_what_saves

        say_what_saves(ended.result, scenario, as_written=as_written)
    return ended.result.exit_code


def tell(result: Result, folder: Path, *, json: bool) -> None:
    """What every verb that makes a run ends with."""
    from controller.cli.summary import page_of, print_summary  # while it is simulated nobody needs what tables take

    if json:
        print_json({"kind": "result", "result": result, "report": page_of(folder), "folder": str(folder)})
    else:
        print_summary(result, folder)


def _meter(*, json: bool) -> Meter:
    if json:
        return Objects()
    return Bar() if sys.stderr.isatty() else Words()


class Bar:
    """On a terminal."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("simulating"), BarColumn(), TextColumn("{task.fields[told]}"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=None, told="")

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def heard(self, done_ns: int, total_ns: int) -> None:
        self._progress.update(
            self._task, completed=min(done_ns, total_ns), total=total_ns, told=_told(done_ns, total_ns)
        )


class Words:
    """A remark every few seconds of real time, for a run that takes long."""

    def __init__(self) -> None:
        self._due_s = time.monotonic() + QUIET_S

    def __enter__(self) -> Words:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def heard(self, done_ns: int, total_ns: int) -> None:
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + QUIET_S
            say(f"simulated {_told(done_ns, total_ns)}")


class Objects:
    """`{"kind": "simulated", "done_ns", "total_ns"}`, a line each second of virtual time."""

    def __enter__(self) -> Objects:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def heard(self, done_ns: int, total_ns: int) -> None:
        print_json({"kind": "simulated", "done_ns": done_ns, "total_ns": total_ns})


def _told(done_ns: int, total_ns: int) -> str:
    return f"{done_ns / SECOND_NS:.0f} of {total_ns / SECOND_NS:.0f} s"


@contextlib.contextmanager
def _stoppable(meter: Meter) -> Iterator[Stop]:
    """Within it the first SIGINT or SIGTERM is kept until `Stop` is called, so that it meets the simulation between two
    steps; the second one ends the process at once, without a record."""
    stop = Stop(meter)
    before = {number: signal.signal(number, stop.signalled) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Stop:
    """Raises KeyboardInterrupt when somebody asked for it; only once, so that what follows can end in peace."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._asked = self._done = False

    def signalled(self, _number: int, _frame: FrameType | None) -> None:
        """A handler of signals. An exception would do no good here: compiled code may be at work."""
        if self._asked:
            self._meter.__exit__()  # a terminal's cursor comes back
            say("netreserve: left at once: nothing of this run is kept")
            os._exit(EXIT_INTERRUPTED)
        self._asked = True
        say("stopping: the run is judged and written as far as it got (Ctrl-C again leaves at once)")

    def __call__(self) -> None:
        if self._asked and not self._done:
            self._done = True
            raise KeyboardInterrupt
