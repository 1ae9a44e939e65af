"""`netreserve run` in this process: how far it is, Ctrl-C, and what came out."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Protocol

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from controller.cli.console import console, print_json, say
from controller.cli.session import database_url, runs_folder
from controller.cli.summary import print_summary
from controller.local import run_here
from controller.record import Result
from controller.scenario import Scenario
from nodes.units import SECOND_NS

QUIET_S = 2.0
"""A simulation shorter than this shows no progress where there is no terminal (own)."""


class Meter(Protocol):
    """Shows how far virtual time has come; used as a context manager around the run."""

    def __enter__(self) -> Meter: ...
    def __exit__(self, *error: object) -> None: ...
    def heard(self, done_ns: int, total_ns: int) -> None:
        """`done_ns` of about `total_ns` of virtual time are simulated."""


def carry_out(scenario: Scenario, runs: Path | None, *, json: bool, traced: bool = False) -> Result:
    """Simulates, records and tells. Raises what `run_here` does."""
    with _meter(json=json) as meter, _stoppable() as stop:

        def heard(done_ns: int, total_ns: int) -> None:
            stop()
            meter.heard(done_ns, total_ns)

        ended = run_here(scenario, runs_folder(runs), url=database_url(), heard=heard, traced=traced)
    if ended.problem:
        say(f"no report: {ended.problem}")
    if json:
        print_json({"kind": "result", "result": ended.result, "report": str(ended.folder / "report.html")})
    else:
        print_summary(ended.result, ended.folder)
    return ended.result


def _meter(*, json: bool) -> Meter:
    if json:
        return Objects()
    return Bar() if sys.stderr.isatty() else Words()


class Bar:
    """On a terminal."""

    def __init__(self) -> None:
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
def _stoppable() -> Iterator[Stop]:
    """Within it the first SIGINT or SIGTERM is kept until `Stop` is called, so that it meets the simulation between two
    steps; the second one is KeyboardInterrupt at once."""
    stop = Stop()
    before = {number: signal.signal(number, stop.signalled) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Stop:
    """Raises KeyboardInterrupt when somebody asked for it; only once, so that what follows can end in peace."""

    def __init__(self) -> None:
        self._asked = self._done = False

    def signalled(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        say("stopping: the run is judged and written as far as it got (Ctrl-C again leaves at once)")

    def __call__(self) -> None:
        if self._asked and not self._done:
            self._done = True
            raise KeyboardInterrupt
