"""A scenario's run: set up and read back, warmup, flood, heal as long as the verdict needs, rescue of who stands still."""

from __future__ import annotations

import asyncio
import math
import time

import msgspec

from controller.experiment import inforce, nextstep
from controller.experiment.plan import Plan, PlannedNode, plan
from controller.experiment.record import Result
from controller.experiment.rescue import RESCUE
from controller.experiment.scenario import Scenario, dump, policy_text
from controller.experiment.swarms import Swarm, aimed, swarms
from controller.experiment.trace import by_node
from controller.experiment.verdict import void
from controller.experiment.warmup import lacking, longest_ns
from controller.runtime.docker import Container
from controller.service.activity import SAMPLES_LAG_NS, Activity
from controller.service.compare import limit_note
from controller.service.connections import Parts
from controller.service.floodwatch import FloodWatch
from controller.service.nodes import Node, Wanted
from controller.service.readiness import check_ready, present
from controller.service.recorder import Recording
from controller.service.rescuing import rescue, standing
from nodes.agent.tasks import end
from nodes.config import BLOCK_PORT, OPEN_LINK
from nodes.errors import InconclusiveError, NetreserveError, RefusedError
from nodes.eventkinds import Harness, PhaseBegun, Refusal
from nodes.messages import SAMPLE_INTERVAL_NS, Role, Sample
from nodes.units import SECOND_NS, format_ns

FLOOD_MARGIN_S = 10
"""Locust ends a flood by itself this much after it should have been told to (own)."""


async def open_run(parts: Parts, watch: FloodWatch, scenario: Scenario) -> ScenarioRun:
    """A run of `scenario` on the nodes that are online, recorded from now on. Raises LackingError when too few are, or
    when Locust or Docker do not answer; UsageError for what cannot be carried out here."""
    initiators, targets = present(parts, scenario)
    work = plan(scenario, initiators=initiators, targets=targets)
    await check_ready(parts, watch, work)
    recording = await parts.recorder.open(
        scenario=scenario.name,
        kind="scenario",
        policy=policy_text(scenario.policy),
        tier=scenario.tier,
        nodes=frozenset(node.name for node in work.nodes),
    )
    recording.folder.write("scenario.yaml", dump(scenario))
    return ScenarioRun(parts, watch, recording, work)


class ScenarioRun(Activity):
    """Carries out a plan."""

    def __init__(self, parts: Parts, watch: FloodWatch, recording: Recording, work: Plan) -> None:
        super().__init__(parts, watch, recording, [parts.nodes[node.name] for node in work.nodes])
        self._plan = work
        self._began_ns = 0
        self.expected_ns = work.total_ns
        self._flooding: Swarm | None = None  # what the scenario wants to flow now
        self._flooded: list[inforce.Flooded] = []
        self._warm = asyncio.Event()  # warmup is over: what comes after it has its times

    async def run(self) -> Result:
        """To the end, whatever happens on the way."""
        self.watch.listeners.append(self._hear_flood)
        try:
            body = asyncio.create_task(self._body())
            await asyncio.wait({body, self.ended}, return_when=asyncio.FIRST_COMPLETED)
            await end(body)
            self._take_failure(body)
            await self._quiet()
        finally:
            self.watch.listeners.remove(self._hear_flood)
        self.metrics = inforce.metrics(self._flooded)
        return await self.finish(self._plan.scenario.expect, self._plan.scenario.seed)

    def _take_failure(self, body: asyncio.Task[None]) -> None:
        error = None if body.cancelled() else body.exception()
        if isinstance(error, RefusedError):
            refused = Refusal(why=error.why, setting=error.setting)
            self.void_as(Harness(void=str(error), exit_code=error.exit_code, refused=refused))
        elif isinstance(error, NetreserveError):
            self.void(str(error), harness=not isinstance(error, InconclusiveError))
        elif error is not None:
            raise error

    async def _body(self) -> None:
        self._hear_flood(self.watch.going, "")  # one that began while the run was being opened
        await self._set_up()
        self.message, self._began_ns = "", time.time_ns()
        self._expect(self._plan.total_ns)
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._phases(), self._floods(), self._changes()):
                    group.create_task(work)
        except* NetreserveError as errors:
            raise _first(errors) from None
        self._compare_floods()

    def _compare_floods(self) -> None:
        """What was sent and what arrived, with what was asked for."""
        hindered = inforce.hindered(self._plan)
        for flooded in self._flooded:
            for short in inforce.shortfalls(flooded, self._series(), hindered):
                if short.in_force:
                    self.notes.append(short.told)
                else:
                    step = nextstep.weaker_flood(flooded.sent_pps, len(self._flooded))
                    event = void(flooded.ended_ns, self.recording.run, short.told, next_step=step, hang_stands=True)
                    self.recording.keep(event)

    # ---- set-up

    async def _set_up(self) -> None:
        """Every node is what the plan says, read back. Limits grow before a node does, and shrink after it did."""
        deadline_s = self._deadline_s
        await self._limit_memory(growing=True)
        await self.parts.nodes.apply(self._wanted("target"), deadline_s)
        await self.parts.nodes.apply(self._wanted("initiator") | self._bystanders(), deadline_s)
        await self._limit_memory(growing=False)
        await self._read_limits(deadline_s)
        self.notes += filter(None, map(_carrier, self.nodes))

    @property
    def _deadline_s(self) -> float:
        timing = self.parts.timing
        return timing.boot_deadline_s if self._plan.scenario.tier == "kernel" else timing.ack_deadline_s

    def _wanted(self, role: Role) -> dict[str, Wanted]:
        addresses = {node.name: f"{node.address}:{BLOCK_PORT}" for node in self.nodes if node.role == "target"}
        return {
            node.name: Wanted(run=self.recording.run, spec=node.spec_at(addresses), shape=node.shape)
            for node in self._plan.nodes
            if node.role == role
        }

    def _bystanders(self) -> dict[str, Wanted]:
        """Initiators that take no part stand aside: a machine without a disk does nothing."""
        others = [node for node in self.parts.nodes.online("initiator") if node not in self.nodes]
        return {node.name: wish for node in others if (wish := self._aside(node)) is not None}

    def _aside(self, node: Node) -> Wanted | None:
        spec = node.initiator
        if spec is None:
            return None
        idle = msgspec.structs.replace(spec, target="", swap_offset_bytes=0, sinks=())
        return Wanted(run=self.recording.run, spec=idle, shape=OPEN_LINK)

    async def _limit_memory(self, *, growing: bool) -> None:
        if self.parts.engine is None:
            return
        containers = await asyncio.to_thread(self.parts.engine.containers)
        for node in self._plan.nodes:
            if growing != _grows(containers.get(node.name), node):
                continue
            await asyncio.to_thread(self.parts.engine.limit_memory, node.name, node.memory_limit_bytes)

    async def _read_limits(self, deadline_s: float) -> None:
        """Asks initiators once more for what they are already: they answer with the limit that they live under now."""
        if self.parts.engine is None:
            return
        answers = await self.parts.nodes.apply(self._wanted("initiator"), deadline_s)
        limits = {node.name: node.memory_limit_bytes for node in self._plan.nodes}
        notes = [limit_note(limits[name], answer) for name, answer in answers.items()]
        self.notes += filter(None, notes)

    # ---- phases

    async def _phases(self) -> None:
        warmup, flood, heal = self._plan.phases
        self._begin("warmup", time.time_ns())
        await self._until(warmup.end_ns)
        await self._warm_up(warmup.end_ns)
        self._begin("flood", time.time_ns())
        await self._until(flood.end_ns)
        await self.watch.confirmed()  # a flood that was never seen proves nothing
        calm_ns = await self._stop_flood(self._flooding) if self._flooding else time.time_ns()
        self._begin("heal", calm_ns)
        await self._heal(calm_ns, heal.end_ns - heal.start_ns)
        if self._plan.scenario.rescue:
            await self._rescue()

    async def _warm_up(self, planned_ns: int) -> None:
        """Goes on with a warmup that has not done its work yet, and puts off all that comes after it by as much."""
        began_ns, bound_ns = self._began_ns, self._began_ns + longest_ns(planned_ns)
        while (told := lacking(self._series(), planned_ns, began_ns, now_ns := time.time_ns())) and now_ns < bound_ns:
            self.message = f"warmup goes on: {told}"
            self._expect(self._plan.total_ns + now_ns - began_ns - planned_ns)
            await asyncio.sleep(self.parts.timing.poll_interval_s)
        longer_ns, self.message = now_ns - began_ns - planned_ns, ""
        if longer_ns >= SAMPLE_INTERVAL_NS:
            until = f"and still {told}" if told else "until memory was short and progress steady"
            self.notes.append(f"warmup went on for {format_ns(longer_ns)} more than planned, {until}")
            self._began_ns += longer_ns
            self._expect(self._plan.total_ns)
        self._warm.set()

    def _expect(self, after_ns: int) -> None:
        """The run ends `after_ns` after its plan began. What a person sees counts from its setup."""
        self.expected_ns = self._began_ns - self.recording.row.started_ns + after_ns

    async def _heal(self, began_ns: int, planned_ns: int) -> None:
        self._expect(began_ns - self._began_ns + planned_ns)
        await _sleep_until(began_ns + planned_ns)
        while (lasted_ns := time.time_ns() - began_ns) < (needed_ns := self._needed_ns(planned_ns)):
            self.message = f"the verdict needs {format_ns(needed_ns)} of healing"
            self._expect(began_ns - self._began_ns + needed_ns)
            await asyncio.sleep(min((needed_ns - lasted_ns) / SECOND_NS, 1.0))

    def _needed_ns(self, planned_ns: int) -> int:
        self.recording.end(time.time_ns())
        needed_ns = self.heal_needed_ns(planned_ns)
        return needed_ns + SAMPLES_LAG_NS if needed_ns else 0

    def _series(self) -> dict[str, list[Sample]]:
        """The samples of every initiator so far."""
        return by_node(self.recording.samples, self.initiators)

    async def _rescue(self) -> None:
        """The verdict is decided; what comes now does not change it."""
        still, remedies = standing(self.nodes), self._plan.scenario.rescue
        if not still:
            self.notes.append("nobody stood still after the heal phase: no rescue was tried")
            return
        wait_ns = self._plan.scenario.phases.rescue_ns
        self._begin(RESCUE, time.time_ns())
        self._expect(time.time_ns() - self._began_ns + len(remedies) * wait_ns)
        await rescue(self, still, remedies, wait_ns)

    def _begin(self, phase: str, t_ns: int) -> None:
        self.recording.begin(phase, t_ns)
        self.note(PhaseBegun(phase=phase), t_ns=t_ns)

    # ---- floods and faults

    async def _floods(self) -> None:
        await self._warm.wait()
        for swarm in swarms(self._plan.floods):
            await self._until(swarm[0].start_ns)
            await self._start_flood(swarm)
            ended_ns = max(item.end_ns for item in swarm)
            if ended_ns < self._plan.phases[1].end_ns:  # the last one ends with the phase
                await self._until(ended_ns)
                await self._stop_flood(swarm)

    async def _start_flood(self, swarm: Swarm) -> None:
        targets = tuple(node.address for node in self.nodes if node.role == "initiator")
        lasts_ns = max(item.end_ns for item in swarm) - swarm[0].start_ns
        self._flooding = swarm
        await self.watch.start(aimed(swarm), targets, math.ceil(lasts_ns / SECOND_NS) + FLOOD_MARGIN_S)
        await self.watch.confirmed()

    async def _stop_flood(self, swarm: Swarm) -> int:
        """Stops it and keeps what it was; Locust's count is final when it says that it has stopped. Answers since when."""
        self._flooding, stopped_ns = None, time.time_ns()
        await self.watch.stop()
        ended_ns = time.time_ns()
        await self.watch.confirmed()
        assert self.watch.state is not None
        self._flooded += inforce.flooded(aimed(swarm), self.watch.began_ns, stopped_ns, ended_ns, self.watch.state.sent)
        return ended_ns

    def _hear_flood(self, going: bool, trouble: str) -> None:
        """A flood that begins or ends unasked makes this another run than the scenario's."""
        if trouble:
            self.void(trouble, harness=True)
        elif going != (self._flooding is not None):
            what, phase = "started" if going else "stopped", self.recording.phase or "setup"
            reason = f"Locust {what} in the {phase} phase, not by the scenario: by hand, or for want of workers"
            self.void(reason, next_step=nextstep.LEAVE_ALONE)

    async def _changes(self) -> None:
        await self._warm.wait()
        for change in self._plan.changes:
            await self._until(change.at_ns)
            began_ns = time.time_ns()
            await self.parts.nodes.change([change.node], change.apply, self._deadline_s)
            for event in change.events(began_ns, time.time_ns(), self.recording.run):
                self.recording.keep(event)

    async def _quiet(self) -> None:
        """No junk flows after a run."""
        asked, self._flooding = self._flooding, None  # one that was asked for may begin though the run ended meanwhile
        if not self.watch.going and asked is None:
            return
        try:
            await self.watch.stop()
        except NetreserveError as error:
            self.notes.append(f"the flood could not be stopped: {error}")

    async def _until(self, after_ns: int) -> None:
        await _sleep_until(self._began_ns + after_ns)


async def _sleep_until(t_ns: int) -> None:
    await asyncio.sleep(max(t_ns - time.time_ns(), 0) / SECOND_NS)


def _carrier(node: Node) -> str:
    """What carries a guest, as its node reports it; empty for a node without one."""
    means = node.reported.means if node.reported else {}
    return (
        f"{node.name} is Linux {means.get('kernel', '')}, run by QEMU ({means['accelerator']})"
        if "accelerator" in means
        else ""
    )


def _grows(container: Container | None, node: PlannedNode) -> bool:
    return container is not None and node.memory_limit_bytes > container.memory_limit_bytes > 0


def _first(errors: BaseExceptionGroup[NetreserveError]) -> NetreserveError:
    found = errors.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
