"""Rescues live machines that stand still: one remedy after the other, each waited for, told with what it did."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

import msgspec

from controller.record import Rescue
from controller.rescue import IN_FORCE, Change, EndFlood, Remedy, has_moved, stands_still
from controller.service.activity import Activity
from controller.service.nodes import Node
from nodes.config import InitiatorSpec, Shape, Spec
from nodes.errors import InconclusiveError
from nodes.messages import SAMPLE_INTERVAL_NS, Sample
from nodes.units import SECOND_NS, format_ns

LOOK_S = SAMPLE_INTERVAL_NS / SECOND_NS
SHOWN_NS = 2 * SECOND_NS
"""So much of what a machine does when it is back is recorded (own)."""


def standing(nodes: Iterable[Node]) -> list[Node]:
    """Those of `nodes` that stand still now."""
    return [node for node in nodes if node.role == "initiator" and node.online and stands_still(node.sample)]


async def rescue(run: Activity, nodes: Sequence[Node], remedies: Iterable[Remedy], wait_ns: int) -> None:
    """Tries `remedies` in their order, each on top of those before it, on those of `nodes` that still stand still, and
    waits `wait_ns` for each. What a remedy did is told as an event of the node. Raises HarnessError when Locust does not
    stop."""
    patients = list(nodes)
    for remedy in remedies:
        patients = await _Trial(run, remedy).on(standing(patients), wait_ns)
    if len(patients) < len(nodes):
        run.message = "back: recording what it does now"
        await asyncio.sleep(SHOWN_NS / SECOND_NS)
    run.message = ""


class _Trial:
    """One remedy."""

    def __init__(self, run: Activity, remedy: Remedy) -> None:
        self._run, self._remedy = run, remedy
        self._asked: dict[Node, tuple[int, Sample]] = {}  # when, and how it stood then

    async def on(self, nodes: Sequence[Node], wait_ns: int) -> list[Node]:
        """Those of `nodes` that stand still afterwards."""
        self._run.message = f"asking for {self._remedy}"
        if isinstance(self._remedy, EndFlood):
            await self._end_flood(nodes)
        else:
            for node in nodes:
                await self._change(node, self._remedy)
        back: set[Node] = set()
        end_ns = max((asked_ns for asked_ns, _ in self._asked.values()), default=0) + wait_ns
        while len(back) < len(self._asked) and time.time_ns() < end_ns:
            await asyncio.sleep(LOOK_S)
            back |= {node for node in self._asked.keys() - back if self._revived(node)}
            left = format_ns(round(max(end_ns - time.time_ns(), 0), -9))
            self._run.message = f"{self._remedy}: waiting {left} more for progress"
        for node in self._asked.keys() - back:
            self._tell(node, revived=False, after_ns=time.time_ns() - self._asked[node][0])
        return [node for node in nodes if node not in back]

    async def _end_flood(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            self._ask(node)
        if self._run.watch.going:
            await self._run.watch.stop()
            await self._run.watch.confirmed()
        else:
            for node in nodes:
                self._give_up(node, "no flood was going on")

    async def _change(self, node: Node, remedy: Change) -> None:
        self._ask(node)
        spec = node.initiator
        if spec is None or remedy.applied(spec) == spec:
            self._give_up(node, IN_FORCE)
            return

        def change(spec: Spec, shape: Shape) -> tuple[Spec, Shape]:
            assert isinstance(spec, InitiatorSpec)
            return remedy.applied(spec), shape

        try:
            await self._run.parts.nodes.change([node.name], change, self._run.parts.timing.ack_deadline_s)
        except InconclusiveError as error:
            self._give_up(node, str(error))

    def _give_up(self, node: Node, why: str) -> None:
        asked_ns, _ = self._asked.pop(node)
        self._tell(node, revived=False, after_ns=time.time_ns() - asked_ns, error=why)

    def _ask(self, node: Node) -> None:
        assert node.sample is not None
        self._asked[node] = time.time_ns(), node.sample

    def _revived(self, node: Node) -> bool:
        asked_ns, before = self._asked[node]
        first = next((sample for sample in node.samples if sample.t_ns > asked_ns and has_moved(before, sample)), None)
        if first is not None:
            self._tell(node, revived=True, after_ns=first.t_ns - asked_ns)
        return first is not None

    def _tell(self, node: Node, *, revived: bool, after_ns: int, error: str = "") -> None:
        told = Rescue(remedy=str(self._remedy), revived=revived, after_ns=after_ns, error=error)
        self._run.parts.recorder.note("rescue", msgspec.to_builtins(told), node.name)
