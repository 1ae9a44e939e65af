"""Runs that nobody announced: a flood started in Locust's own page, a policy switched by hand. Recorded from ten seconds
before, until a heal phase has passed with no flood, and judged like any other."""

from __future__ import annotations

import asyncio
import time

import msgspec

from controller.experiment import nextstep
from controller.experiment.folders import ADHOC
from controller.experiment.record import THEN, Result
from controller.experiment.verdict import void
from controller.service.activity import SAMPLES_LAG_NS, Activity
from controller.service.connections import Parts
from controller.service.floodwatch import FloodWatch
from controller.service.nodes import Node
from controller.service.recorder import LEAD_NS, Recording
from controller.service.sinks import refresh_sinks, unfit
from nodes.eventkinds import PhaseBegun

TICK_S = 0.1
GOING_ALREADY = "the flood was going on already when this run began: there is no warmup to compare with"
NO_FLOOD = "no junk flooded in this run: there is nothing to judge"


async def open_adhoc(parts: Parts, watch: FloodWatch) -> AdHoc:
    """A run that began ten seconds before its flood or, without one, before now; but not in the flood before it."""
    nodes = [*parts.nodes.online("initiator", "container"), *parts.nodes.online("target")]
    known_ns = watch.began_ns if watch.going else time.time_ns()
    since_ns = max(known_ns - LEAD_NS, watch.ended_ns)
    policies = sorted({policy for node in nodes if (policy := _policy(parts, node, since_ns))})
    recording = await parts.recorder.open(
        scenario=ADHOC, kind="adhoc", policy=" and ".join(policies), since_ns=since_ns
    )
    return AdHoc(parts, watch, recording, nodes)


def _policy(parts: Parts, node: Node, since_ns: int) -> str:
    """Of an initiator, when the run began: a switch may be what comes next."""
    then = next((sample for sample in parts.recorder.recent_samples(since_ns) if sample.node == node.name), None)
    spec = node.initiator
    return (then.policy if then else "") or (spec.policy.name if spec else "")


class AdHoc(Activity):
    """Follows what a person does. One flood phase spans all floods of a run: a new flood in the heal phase takes it up
    again."""

    def __init__(self, parts: Parts, watch: FloodWatch, recording: Recording, nodes: list[Node]) -> None:
        super().__init__(parts, watch, recording, nodes)
        self._start_ns = min((sample.t_ns for sample in recording.samples), default=time.time_ns())
        self._taken_ns = 0 if watch.going or watch.ended_ns > self._start_ns else watch.began_ns
        """When the newest flood that is no longer to be taken up began."""
        self._left_ns = parts.timing.adhoc_heal_ns
        self._begin("warmup", self._start_ns)

    @property
    def heard_ns(self) -> int:
        return self._taken_ns

    async def run(self) -> Result:
        """Until it has healed, was stopped, or became too long."""
        self._follow()
        while not self._over():
            await asyncio.wait({self.ended}, timeout=TICK_S)
            self._follow()
        self.leave()  # in the same breath: what happens from now on, the next run records
        if not self._flooded():
            self.void(NO_FLOOD, next_step=nextstep.FLOOD)
        self.recording.row = msgspec.structs.replace(self.recording.row, policy=self._policies())
        result, _ = await asyncio.gather(self.finish(), refresh_sinks(self.parts, self.nodes))
        return result

    def _follow(self) -> None:
        now_ns, watch = time.time_ns(), self.watch
        if watch.began_ns > self._taken_ns:
            self._taken_ns = watch.began_ns
            self._flood(watch.began_ns)
        if not watch.going and self.recording.phase != "heal":
            self._begin("heal", watch.ended_ns if self.recording.phase == "flood" else now_ns)
        self.recording.end(now_ns)
        self._left_ns = self._still_ns()
        self.expected_ns = now_ns - self.recording.row.started_ns + self._left_ns
        self.message = "it waits for the flood to end" if watch.going else "it waits for another flood, or for its end"

    def _flood(self, began_ns: int) -> None:
        """`began_ns` lies before now: what happened since then belongs to the flood."""
        self.recording.phases = [phase for phase in self.recording.phases if phase.name != "heal"]
        if self.recording.phase == "flood":
            self.notes.append("more than one flood: the sockets kept what the ones before had left in them")
            return
        if began_ns <= self._start_ns:
            self._voids(GOING_ALREADY, nextstep.FLOOD_ANEW)
        for node in self.nodes:
            before = [s for s in self.recording.samples if s.node == node.name and s.t_ns <= began_ns]
            if (why := unfit(node, before)) is not None:
                self._voids(*why, node.name)
        self._begin("flood", max(began_ns, self._start_ns))

    def _voids(self, reason: str, next_step: str, node: str = "") -> None:
        """The run proves nothing, but goes on: what happens is worth a record."""
        self.recording.keep(void(time.time_ns(), self.recording.run, reason, node=node, next_step=next_step))

    def _flooded(self) -> bool:
        return any(phase.name == "flood" for phase in self.recording.phases)

    def _policies(self) -> str:
        """What the floods met, each initiator's in the order in which they came: `none, then memalloc`."""
        since_ns = next((p.start_ns for p in self.recording.phases if p.name == "flood"), self._start_ns)
        met: dict[str, list[str]] = {}
        for sample in self.recording.samples:
            if sample.policy and sample.t_ns >= since_ns and sample.policy not in met.setdefault(sample.node, [])[-1:]:
                met[sample.node].append(sample.policy)
        told = sorted({THEN.join(policies) for policies in met.values()})
        return " and ".join(told) or self.recording.row.policy

    def _begin(self, phase: str, t_ns: int) -> None:
        self.recording.begin(phase, t_ns)
        self.note(PhaseBegun(phase=phase), t_ns=t_ns)

    def _over(self) -> bool:
        timing, phases, now_ns = self.parts.timing, self.recording.phases, time.time_ns()
        if self.ended.done() or now_ns - self._start_ns > timing.adhoc_max_ns:
            return True
        if self.held or phases[-1].name != "heal":
            return False
        if self.watch.onset_ns(now_ns) < now_ns:
            return False  # junk has come: Locust is about to tell of its flood, and it belongs here
        return self._left_ns <= 0

    def _still_ns(self) -> int:
        """How long it goes on at least, without another flood."""
        timing, last = self.parts.timing, self.recording.phases[-1]
        healed_ns = last.end_ns - last.start_ns if last.name == "heal" else 0
        if healed_ns < timing.adhoc_heal_ns:
            return timing.adhoc_heal_ns - healed_ns
        needed_ns = self._needed_ns()
        return needed_ns + SAMPLES_LAG_NS - healed_ns if needed_ns else 0

    def _needed_ns(self) -> int:
        return self.heal_needed_ns(self.parts.timing.adhoc_heal_ns)
