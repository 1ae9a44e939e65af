"""A rescue that a person asked for: a run of its own, whose record says which remedy revived whom and after how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from controller.experiment import nextstep
from controller.experiment.record import Result
from controller.experiment.rescue import RESCUE, SHOWN_NS, Remedy
from controller.experiment.verdict import void
from controller.service.activity import Activity
from controller.service.connections import Parts
from controller.service.floodwatch import FloodWatch
from controller.service.nodes import Node
from controller.service.recorder import LEAD_NS, Recording
from controller.service.rescuing import rescue, standing
from controller.service.sinks import refresh_sinks
from nodes.agent.tasks import end
from nodes.errors import LackingError, NetreserveError
from nodes.eventkinds import PhaseBegun

FOUND = "a rescue judges nobody: what led to the standstill is in the record of another run, or in none"


async def open_rescue(
    parts: Parts, watch: FloodWatch, nodes: Sequence[Node], remedies: Sequence[Remedy], wait_ns: int
) -> RescueRun:
    """A run that rescues those of `nodes` that stand still, recorded from ten seconds ago on. Raises LackingError when
    nobody stands still."""
    patients = patients_of(nodes)
    recording = await parts.recorder.open(
        scenario=RESCUE,
        kind="adhoc",
        policy=" and ".join(sorted({spec.policy.name for node in patients if (spec := node.initiator)})),
        tier=" and ".join(sorted({node.sample.tier for node in patients if node.sample})),
        since_ns=time.time_ns() - LEAD_NS,
    )
    concerned = [*patients, *parts.nodes.online("target")]
    return RescueRun(parts, watch, recording, concerned, patients, remedies, wait_ns)


def patients_of(nodes: Sequence[Node]) -> list[Node]:
    """Those of `nodes` that stand still. Raises LackingError when nobody does, with what each is doing."""
    if patients := standing(nodes):
        return patients
    doing = ", ".join(f"{node.name} is {(node.sample and node.sample.state) or 'silent'}" for node in nodes)
    raise LackingError(f"nobody stands still: {doing}: there is nobody to rescue")


class RescueRun(Activity):
    """Tries `remedies` on `patients`."""

    def __init__(
        self,
        parts: Parts,
        watch: FloodWatch,
        recording: Recording,
        nodes: Sequence[Node],
        patients: Sequence[Node],
        remedies: Sequence[Remedy],
        wait_ns: int,
    ) -> None:
        super().__init__(parts, watch, recording, nodes)
        self._patients, self._remedies, self._wait_ns = patients, remedies, wait_ns
        self.expected_ns = len(remedies) * wait_ns + SHOWN_NS

    async def run(self) -> Result:
        """Until everybody moves, nothing is left to try, or somebody stopped it."""
        now_ns = time.time_ns()
        self.recording.keep(void(now_ns, self.recording.run, FOUND, next_step=nextstep.WHAT_LED))
        self.recording.begin(RESCUE, now_ns)
        self.note(PhaseBegun(phase=RESCUE), t_ns=now_ns)
        body = asyncio.create_task(rescue(self, self._patients, self._remedies, self._wait_ns))
        await asyncio.wait({body, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        await end(body)
        error = None if body.cancelled() else body.exception()
        if isinstance(error, NetreserveError):
            self.void(str(error), harness=True)
        elif error is not None:
            raise error
        result, _ = await asyncio.gather(self.finish(), refresh_sinks(self.parts, self._patients))
        return result
