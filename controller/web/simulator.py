"""The process of one simulation: `python -m controller.web.simulator`, with a `Task` as MessagePack on stdin.

It tells on stdout, a line each, as it goes: `Said`. The run is recorded as `netreserve run` records it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import msgspec

from controller.experiment.scenario import Scenario, parse
from controller.simulated.closeup import closeup
from controller.simulated.local import LocalRun
from controller.store.folder import RunFolder
from controller.web.columns import of_samples
from controller.web.messages import Kind, told
from controller.web.tasks import Said, Span, Task
from nodes.errors import NetreserveError

NICENESS = 5
"""Whoever serves goes first (own)."""


class Teller:
    """Says what is new between two steps of a simulation."""

    def __init__(self, run: LocalRun) -> None:
        self._run = run
        self._samples = 0
        self._until_ns = 0

    def heard(self, done_ns: int, total_ns: int) -> None:
        """`done_ns` of about `total_ns` of virtual time are simulated."""
        self.tell(done_ns)
        say("progress", {"done_ns": done_ns, "of_ns": max(done_ns, total_ns)})

    def finish(self) -> None:
        """What came with the last step."""
        assert self._run.simulation is not None
        self.tell(self._run.simulation.cluster.loop.now_ns + 1)

    def tell(self, done_ns: int) -> None:
        """Samples and events before `done_ns`, which is further than the last time."""
        assert self._run.simulation is not None
        cluster = self._run.simulation.cluster
        fresh, self._samples = cluster.samples[self._samples :], len(cluster.samples)
        if fresh:
            say_raw("samples", b"".join(of_samples(fresh, 0).json()))
        since_ns, self._until_ns = self._until_ns, done_ns
        known = [event for event in cluster.events if since_ns <= event.t_ns < done_ns]
        for event in sorted(known, key=lambda event: event.t_ns):
            say("event", told(event, 0))


def say(kind: Kind, value: object) -> None:
    """A line of our own."""
    say_raw(kind, msgspec.json.encode(value))


def say_raw(kind: Kind, data: bytes) -> None:
    """As `say`, of what is JSON already."""
    sys.stdout.buffer.write(msgspec.json.encode(Said(kind, msgspec.Raw(data))) + b"\n")
    sys.stdout.buffer.flush()


def carry_out(task: Task) -> None:
    """Simulates, tells and records."""
    scenario, folder = parse(task.scenario), Path(task.runs_folder)
    with LocalRun(scenario, folder, url=task.url, run=task.run) as run:
        teller = Teller(run)
        run.simulate(teller.heard)
        teller.finish()
        ended = run.record()
    if task.fork is not None:
        RunFolder(folder, f"{scenario.name}/{task.run}").write_json("fork.json", task.fork)
    if ended.fault is not None:
        raise ended.fault
    say("result", ended.result)


def look_closer(scenario: Scenario, span: Span) -> None:
    """Says the one message that there is: the span's columns, and who waits for whom."""
    seen = closeup(scenario, span.from_ns, span.to_ns, span.step_ns)
    columns = msgspec.Raw(b"".join(of_samples(seen.samples, 0).json()))
    say("closeup", {"step_ns": seen.step_ns, "columns": columns, "waits": seen.waits})


def main() -> None:
    """The process."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Task)
    try:
        if task.closeup is None:
            carry_out(task)
        else:
            look_closer(parse(task.scenario), task.closeup)
    except NetreserveError as error:
        say("failed", {"error": str(error)})


if __name__ == "__main__":
    main()
