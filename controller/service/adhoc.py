"""Runs that nobody announced: a flood started in Locust's own page, a policy switched by hand. Recorded from ten seconds
before, until a heal phase has passed with no flood, and judged like any other."""

from __future__ import annotations

import asyncio
import time

from controller import nextstep
from controller.record import Result
from controller.service.activity import SAMPLES_LAG_NS, Activity
from controller.service.floodwatch import FloodWatch
from controller.service.parts import Parts
from controller.service.recorder import RING_NS
from controller.verdict import void
from nodes.eventkinds import PhaseBegun

SCENARIO = "adhoc"
TICK_S = 0.1


async def open_adhoc(parts: Parts, watch: FloodWatch) -> AdHoc:
    """A run that began ten seconds ago, as far as the ring goes."""
    nodes = [*parts.nodes.online("initiator", "container"), *parts.nodes.online("target")]
    policies = sorted({spec.policy.name for node in nodes if (spec := node.initiator)})
    recording = await parts.recorder.open(scenario=SCENARIO, kind="adhoc", policy=" and ".join(policies))
    now_ns = time.time_ns()
    began_ns = min((sample.t_ns for sample in recording.samples), default=now_ns)
    recording.begin("warmup", max(began_ns, now_ns - RING_NS))
    return AdHoc(parts, watch, recording, nodes)


class AdHoc(Activity):
    """Follows what a person does. One flood phase spans all floods of a run: a new flood in the heal phase takes it up
    again."""

    async def run(self) -> Result:
        """Until it has healed, was stopped, or became too long."""
        self.expected_ns = RING_NS + self.parts.timing.adhoc_heal_ns
        while not self._over():
            self._follow()
            await asyncio.wait({self.ended}, timeout=TICK_S)
        if not self._flooded():
            run, reason = self.recording.run, "no junk flooded in this run: there is nothing to judge"
            self.parts.recorder.take(void(time.time_ns(), run, reason, next_step=nextstep.FLOOD))
        return await self.finish()

    def _follow(self) -> None:
        now_ns, going = time.time_ns(), self.watch.going
        if going and self.recording.phase != "flood":
            self._flood(self.watch.began_ns)
        elif not going and self.recording.phase != "heal":
            self._begin("heal", now_ns)
        self.recording.end(now_ns)
        self.message = "waiting for the flood to end" if going else "healing"

    def _flood(self, began_ns: int) -> None:
        """`began_ns` lies before now: what happened since then belongs to the flood."""
        self.recording.phases = [phase for phase in self.recording.phases if phase.name != "heal"]
        if self.recording.phase != "flood":
            self._begin("flood", max(began_ns, self.recording.phases[-1].start_ns))

    def _flooded(self) -> bool:
        return any(phase.name == "flood" for phase in self.recording.phases)

    def _begin(self, phase: str, t_ns: int) -> None:
        self.recording.begin(phase, t_ns)
        self.parts.recorder.note(PhaseBegun(phase=phase), t_ns=t_ns)

    def _over(self) -> bool:
        timing, phases = self.parts.timing, self.recording.phases
        if self.ended.done() or phases[-1].end_ns - phases[0].start_ns > timing.adhoc_max_ns:
            return True
        healed_ns = phases[-1].end_ns - phases[-1].start_ns
        if self.held or self.recording.phase != "heal" or healed_ns < timing.adhoc_heal_ns:
            return False
        needed_ns = self._needed_ns()
        return not needed_ns or healed_ns >= needed_ns + SAMPLES_LAG_NS

    def _needed_ns(self) -> int:
        return self.heal_needed_ns(self.parts.timing.adhoc_heal_ns)
