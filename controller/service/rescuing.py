"""Rescues live machines that stand still: one remedy after the other, each waited for, told with what it did."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from controller.experiment.rescue import IN_FORCE, SHOWN_NS, EndFlood, LiveRemedy, Remedy, stands_still
from controller.experiment.trace import has_moved
from controller.service.activity import Activity
from controller.service.nodes import Node
from nodes.config import InitiatorSpec, Shape, Spec
from nodes.errors import HarnessError, InconclusiveError
from nodes.eventkinds import Rescue
from nodes.messages import SAMPLE_INTERVAL_NS, Sample
from nodes.units import SECOND_NS, format_ns

LOOK_S = SAMPLE_INTERVAL_NS / SECOND_NS
OFFLINE, DEAD = "went offline", "it was dead by then"
"""Why a remedy is not tried on somebody who stood still before."""


def standing(nodes: Iterable[Node]) -> list[Node]:
    """Those of `nodes` that stand still now."""
    return [node for node in nodes if node.role == "initiator" and node.online and stands_still(node.sample)]


async def rescue(run: Activity, nodes: Sequence[Node], remedies: Iterable[Remedy], wait_ns: int) -> None:
    """Tries `remedies` in their order, each on top of those before it, on those of `nodes` that still stand still, and
    waits `wait_ns` for each. What a remedy did is told as an event of the node. Raises HarnessError when Locust does not
    stop."""
    patients = list(nodes)
    for remedy in remedies:
        trial = _Trial(run, remedy)
        trial.leave_out(patients)
        patients = await trial.on(standing(patients), wait_ns)
    run.message = ""


class _Trial:
    """One remedy."""

    def __init__(self, run: Activity, remedy: Remedy) -> None:
        self._run, self._remedy = run, remedy
        self._asked: dict[Node, tuple[int, Sample]] = {}  # when, and how it stood then
        self._moved_ns: dict[Node, int] = {}  # its first page, until it is known whether it goes on
        self._end_ns = 0

    def leave_out(self, nodes: Sequence[Node]) -> None:
        """Tells of those who cannot be helped any more."""
        for node in nodes:
            if why := _gone(node):
                self._tell(node, revived=False, after_ns=0, error=why)

    async def on(self, nodes: Sequence[Node], wait_ns: int) -> list[Node]:
        """Those of `nodes` that stand still afterwards."""
        self._run.message = f"asking for {self._remedy}"
        if isinstance(self._remedy, EndFlood):
            await self._end_flood(nodes)
        else:
            for node in nodes:
                await self._change(node, self._remedy)
        back: set[Node] = set()
        self._end_ns = max((asked_ns for asked_ns, _ in self._asked.values()), default=0) + wait_ns
        while len(back) < len(self._asked) and (time.time_ns() < self._end_ns or self._moved_ns):
            await asyncio.sleep(LOOK_S)
            back |= {node for node in self._asked.keys() - back if self._revived(node)}
            left = format_ns(round(max(self._end_ns - time.time_ns(), 0), -9))
            moving = next((node.name for node in self._moved_ns), "")
            waits = f"{moving} moves, seeing whether it goes on" if moving else f"waiting {left} more for progress"
            self._run.message = f"{self._remedy}: {waits}"
        for node in [node for node in self._asked if node not in back]:
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

    async def _change(self, node: Node, remedy: LiveRemedy) -> None:
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
        except (HarnessError, InconclusiveError) as error:
            self._give_up(node, str(error))

    def _give_up(self, node: Node, why: str) -> None:
        asked_ns, _ = self._asked.pop(node)
        self._tell(node, revived=False, after_ns=time.time_ns() - asked_ns, error=why)

    def _ask(self, node: Node) -> None:
        assert node.sample is not None
        self._asked[node] = time.time_ns(), node.sample

    def _revived(self, node: Node) -> bool:
        """Whether it moved, and still did SHOWN_NS later. One that stopped again may move in what is left of the time."""
        asked_ns, before = self._asked[node]
        if node not in self._moved_ns:
            later = (sample for sample in node.samples if max(asked_ns, before.t_ns) < sample.t_ns <= self._end_ns)
            if (first := next((sample for sample in later if has_moved(before, sample)), None)) is not None:
                self._moved_ns[node] = first.t_ns
            return False
        if time.time_ns() < self._moved_ns[node] + SHOWN_NS:
            return False
        moved_ns = self._moved_ns.pop(node)
        if stands_still(node.sample) or _gone(node):
            assert node.sample is not None
            self._asked[node] = asked_ns, node.sample
            return False
        self._tell(node, revived=True, after_ns=moved_ns - asked_ns)
        return True

    def _tell(self, node: Node, *, revived: bool, after_ns: int, error: str = "") -> None:
        told = Rescue(remedy=str(self._remedy), revived=revived, after_ns=after_ns, error=error)
        self._run.note(told, node.name)


def _gone(node: Node) -> str:
    """Why nothing can be done for `node`; empty when something can."""
    if not node.online:
        return OFFLINE
    return DEAD if node.sample is not None and node.sample.state == "dead" else ""
