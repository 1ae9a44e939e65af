"""The live testbed, as the controller's daemon sees it: what its nodes say now, for whoever looks."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable

import msgspec
from msgspec import Struct

from controller.api import State
from controller.experiment.record import Result
from controller.service.daemon import Stage
from controller.service.nodes import Node
from controller.web.columns import of_samples
from controller.web.journal import AGAIN_MS, Journal, written
from controller.web.machines import MachineView, NodeView, machine_of
from controller.web.messages import told
from nodes.errors import NetreserveError
from nodes.messages import Event, Sample, encode
from nodes.units import SECOND_NS

TICK_S = 0.2
"""Between two messages with samples: five a second, however many nodes there are (own)."""
KEPT = 600
"""Messages: a minute or two, for who was cut off (own)."""
LINGER_NS = 30 * SECOND_NS
"""After the last listener left; then nothing is made ready any more (own)."""
LEAD_NS = 20 * SECOND_NS
"""What is told of before, to who begins to listen: as long as the recorder keeps it."""
PROGRESS_TICKS = 5


class LiveView(Struct, frozen=True, kw_only=True):
    """The testbed now. Times of the stream count from `zero_ns`: the beginning of the run that goes on, or of the page's."""

    id: str
    """Of the run that records now; `live` when none does."""
    state: str
    zero_ns: int
    nodes: list[NodeView]
    testbed: State


class Live:
    """`run` it as long as the daemon runs."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.journal = Journal(KEPT, f"{secrets.token_hex(4)}-")
        self._zero_ns = time.time_ns()
        self._run = ""
        self._pending: list[Sample | Event] = []
        self._heeded_ns = 0
        self._ticks = 0
        self.lost = 0
        """Ticks that failed: what they had to tell was not told."""
        stage.parts.recorder.listen(self._hear)
        stage.conductor.on_result.append(self._ended)

    def view(self) -> LiveView:
        """What is there now."""
        nodes = [_node(node) for node in self.stage.parts.nodes if node.seen]
        return LiveView(
            id=self._run or "live",
            state="live",
            zero_ns=self._zero_ns,
            nodes=nodes,
            testbed=self.stage.commands.state(),
        )

    async def run(self) -> None:
        """Makes messages of what was heard, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self._carefully(self._tick)

    def _tick(self) -> None:
        self._ticks += 1
        self._follow_run()
        if not self._heeded():
            self._pending.clear()
            return
        self._flush()
        if self._ticks % PROGRESS_TICKS == 0:
            self._progress()

    def _carefully(self, work: Callable[[], None]) -> None:
        """What fails while a run is watched costs what was to be told then, and neither the page nor the run."""
        try:
            work()
        except Exception as error:
            self.lost += 1
            traceback.print_exception(error, file=sys.stderr)

    async def follow(self, seen: str) -> AsyncIterator[bytes]:
        """For one listener: what goes on, the last seconds, and everything from now on; or all after what it has seen."""
        self._heeded_ns = time.time_ns()
        if not self.journal.knows(seen):
            self._carefully(self._flush)
            seen = self.journal.newest
            yield b"retry: %d\n\n" % AGAIN_MS
            yield written("run", encode(self.view()))
            recent = self.stage.parts.recorder.recent_samples(time.time_ns() - LEAD_NS)
            yield written("samples", b"".join(of_samples(recent, self._zero_ns).json()))
        async for message in self.journal.follow(seen):
            yield message

    def _hear(self, message: Sample | Event) -> None:
        if self._heeded():
            self._pending.append(message)

    def _heeded(self) -> bool:
        """Whether anybody listens, or did a moment ago."""
        if self.journal.listeners:
            self._heeded_ns = time.time_ns()
        return time.time_ns() - self._heeded_ns < LINGER_NS

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        samples = [message for message in pending if isinstance(message, Sample)]
        if samples:
            self.journal.add("samples", b"".join(of_samples(samples, self._zero_ns).json()))
        for message in pending:
            if isinstance(message, Event):
                self.journal.add("event", msgspec.json.encode(told(message, self._zero_ns)))

    def _follow_run(self) -> None:
        current = self.stage.conductor.current
        run = current.recording.run if current else ""
        if run == self._run:
            return
        self._carefully(self._flush)
        self._run = run
        self._zero_ns = current.recording.row.started_ns if current else self._zero_ns
        if current:
            self.journal.add("run", encode(self.view()))

    def _progress(self) -> None:
        if (current := self.stage.conductor.current) is not None:
            now = current.progress()
            told_now = {"done_ns": now.elapsed_ns, "of_ns": now.expected_ns, "phase": now.phase, "message": now.message}
            self.journal.add("progress", msgspec.json.encode(told_now))

    def _ended(self, result: Result) -> None:
        self._carefully(self._flush)
        self.journal.add("result", encode(result))


def _node(node: Node) -> NodeView:
    return NodeView(name=node.name, role=node.role, machine=_machine(node))


def _machine(node: Node) -> MachineView | None:
    try:
        return machine_of(node.initiator) if node.initiator else None
    except NetreserveError:
        return None
