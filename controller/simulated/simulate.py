"""A scenario in virtual time: the same plan that the container tier carries out, in seconds and without Docker.

The record has the same samples and events, so that one judge judges both. Time begins at 0; `run` in the record is
`<scenario>-seed<seed>`, so that the same scenario and seed give the same bytes.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from msgspec import msgpack, structs

from controller.experiment import inforce, nextstep
from controller.experiment.inforce import Flooded
from controller.experiment.plan import Plan, plan
from controller.experiment.record import Phase, Record, Result
from controller.experiment.rescue import RESCUE
from controller.experiment.rescued import judge_record
from controller.experiment.scenario import Scenario, policy_text
from controller.experiment.trace import STALL_NS, by_node
from controller.experiment.verdict import Judgement, heal_needed_ns, void
from controller.simulated.interrupts import kept_interrupts
from controller.simulated.rescue import rescue, standing
from nodes.config import Shape, Spec
from nodes.eventkinds import FloodStart, FloodStop, PhaseBegun
from nodes.floods import PlannedFlood
from nodes.messages import SAMPLE_INTERVAL_NS, Event
from nodes.sim.cluster import Cluster
from nodes.sim.proof import Proof, prove, quiet
from nodes.units import SECOND_NS

CONTROLLER = "controller"
"""Name of the node that the controller's own events come from, as in the other tiers."""
STEP_NS = SECOND_NS
SHOWN_NS = STALL_NS + SAMPLE_INTERVAL_NS
"""So long a standstill lasts until the record shows it as one."""

RETRY_NS = 2 * SECOND_NS
"""Between attempts to prove a standstill: a driver's watchdog period."""

Heard = Callable[[int, int], None]
"""`heard(done_ns, total_ns)`: how far virtual time has come."""


class Outcome(Record, frozen=True, kw_only=True):
    """What a simulated run said, and what only a simulator knows. Nobody has judged it yet."""

    initiators: tuple[str, ...]
    proofs: dict[str, Proof]
    """By initiator: that it stands still for ever."""
    handled_events: int = 0
    drawn: bool = True
    """Whether chance had a part in it: without one, every seed gives this run."""


class Simulation:
    """A run that can be stopped and gone on with: `warm_up`, `flood`, `heal`, in this order; then `outcome`."""

    def __init__(self, scenario: Scenario, *, brief: bool = False, heard: Heard | None = None) -> None:
        self.work = plan(scenario)
        self.brief = brief
        self._heard = heard
        self.cluster = Cluster(
            self.work.nodes, seed=scenario.seed, run=_run(scenario), queueing=scenario.links.queueing
        )
        self._phases: list[Phase] = []
        self._proofs: dict[str, Proof] = {}
        self._try_ns: dict[str, int] = {}

    def warm_up(self) -> None:
        """Until the flood phase."""
        self._begin("warmup")
        self._advance(self.work.phases[0].end_ns)

    def flood(self, work: Plan | None = None) -> None:
        """The flood phase; `work`: of a scenario that differs from this one only from here on."""
        self.work = work or self.work
        self._begin("flood")
        for item in self.work.floods:
            self._flood(item)
        self._changes()
        self._advance(self.work.phases[1].end_ns)

    def heal(self) -> None:
        """As long as planned and until the verdict is decided; then the rescue, unless `brief`."""
        self._begin("heal")
        planned = self.work.phases[2]
        self._advance(planned.end_ns)
        self._show()
        if not self._decided():
            self._extend(planned)
        if not self.brief:
            self._rescue()

    def outcome(self) -> Outcome:
        """The record so far."""
        self._end()
        cluster, floods = self.cluster, self._flooded()
        voids, notes = _checked(floods, cluster)
        virtual_s = self._phases[-1].end_ns / SECOND_NS if self._phases else 0.0
        scenario, sent = self.work.scenario, float(sum(flooded.sent for flooded in floods))
        result = Result(
            run=cluster.run,
            scenario=scenario.name,
            tier="sim",
            policy=policy_text(scenario.policy),
            seed=scenario.seed,
            phases=tuple(self._phases),
            notes=notes,
            metrics=inforce.metrics(floods) | {"virtual_s": virtual_s, "flood_sent_packets": sent},
        )
        return Outcome(
            result=result,
            samples=cluster.samples,
            events=sorted([*cluster.events, *voids], key=lambda event: event.t_ns),
            initiators=tuple(cluster.initiators),
            proofs=self._proofs,
            handled_events=cluster.loop.handled,
            drawn=cluster.drawn,
        )

    # ---- phases

    def _rescue(self) -> None:
        """The verdict is decided; what comes now does not change it."""
        scenario = self.work.scenario
        if scenario.rescue and standing(self.cluster):
            self._begin(RESCUE)
            rescue(self.cluster, scenario.rescue, scenario.phases.rescue_ns, self._advance)

    def _begin(self, name: str) -> None:
        self._end()
        now_ns = self.cluster.loop.now_ns
        self._phases.append(Phase(name=name, start_ns=now_ns, end_ns=now_ns))
        self.cluster.emit(CONTROLLER, PhaseBegun(phase=name))

    def _end(self) -> None:
        if self._phases:
            self._phases[-1] = structs.replace(self._phases[-1], end_ns=self.cluster.loop.now_ns)

    def _advance(self, end_ns: int) -> None:
        loop, total_ns = self.cluster.loop, self.work.total_ns
        while loop.now_ns < end_ns:
            with kept_interrupts():
                loop.run_until(min(loop.now_ns + STEP_NS, end_ns))
            if self._heard is not None:
                self._heard(loop.now_ns, total_ns)

    def _flood(self, item: PlannedFlood) -> None:
        flood = item.flood
        self.cluster.flood(item)
        run = self.cluster.run
        started = FloodStart(flood=flood.kind, rate_pps=flood.rate_pps, size_bytes=flood.size_bytes)
        for t_ns, detail in ((item.start_ns, started), (item.end_ns, FloodStop())):
            self.cluster.events.append(Event(t_ns=t_ns, node=CONTROLLER, run=run, detail=detail))

    def _flooded(self) -> tuple[Flooded, ...]:
        ended = zip(self.work.floods, self.cluster.floods, strict=False)  # none has begun before the flood phase
        return tuple(
            Flooded(
                flood=item.flood,
                began_ns=item.start_ns,
                stopped_ns=item.end_ns,
                ended_ns=item.end_ns,
                sent=flood.sent,
            )
            for item, flood in ended
            if item.end_ns <= self.cluster.loop.now_ns
        )

    def _changes(self) -> None:
        """Faults come about at their times, each on top of what was before."""
        spec: dict[str, Spec] = {node.name: node.spec for node in self.work.nodes}
        shape: dict[str, Shape] = {node.name: node.shape for node in self.work.nodes}
        for change in self.work.changes:
            name = change.node
            spec[name], shape[name] = change.apply(spec[name], shape[name])
            new_spec = spec[name] if change.spec_changes else None
            new_shape = shape[name] if change.shape_changes else None
            events = change.events(change.at_ns, change.at_ns, self.cluster.run)
            self.cluster.change_at(change.at_ns, name, new_spec, new_shape, events)

    # ---- the verdict

    def _standing(self) -> list[str]:
        """Who lives and does not move now."""
        now_ns, found = self.cluster.loop.now_ns, self.cluster.initiators
        return [
            name for name, who in found.items() if not (who.machine.workload.dead or who.machine.app_running(now_ns))
        ]

    def _decided(self) -> bool:
        """Everybody moves, or never will."""
        return quiet(self.cluster) and all(self._proved(name) for name in self._standing())

    def _proved(self, name: str) -> bool:
        """Whether `name` stands still for ever. After a failure the next attempt comes no sooner than a state could have
        changed by a timer."""
        now_ns = self.cluster.loop.now_ns
        if name not in self._proofs and now_ns >= self._try_ns.get(name, 0):
            self._try_ns[name] = now_ns + RETRY_NS
            if self.cluster.initiators[name].machine.cycle():
                with kept_interrupts():
                    proof = prove(self.cluster, name, told=not self.brief)
                self._proofs |= {name: proof} if proof else {}
        return name in self._proofs

    def _show(self) -> None:
        """A machine that has only just come to a standstill, with its cycle closed, is given the time to show it."""
        loop, until_ns = self.cluster.loop, self.cluster.loop.now_ns + SHOWN_NS
        while loop.now_ns < until_ns and any(map(self._fresh, self._standing())):
            self._advance(loop.now_ns + SAMPLE_INTERVAL_NS)

    def _fresh(self, name: str) -> bool:
        machine = self.cluster.initiators[name].machine
        return self.cluster.loop.now_ns - machine.workload.last_progress_ns < SHOWN_NS and bool(machine.cycle())

    def _extend(self, planned: Phase) -> None:
        """As the container tier: as long as the longest legitimate wait demands."""
        while (needed_ns := self._needed_ns(planned)) > self.cluster.loop.now_ns - planned.start_ns:
            self._advance(min(planned.start_ns + needed_ns, self.cluster.loop.now_ns + 10 * SECOND_NS))

    def _needed_ns(self, planned: Phase) -> int:
        self._end()
        series = by_node(self.cluster.samples, self.cluster.initiators)
        return heal_needed_ns(self._phases, series, self.cluster.events, planned.end_ns - planned.start_ns)


def simulate(scenario: Scenario, *, brief: bool = False, heard: Heard | None = None) -> Outcome:
    """The run of `scenario` with its seed. `brief`: it ends with its verdict, and no rescue is tried. Raises UsageError for
    a machine that cannot be."""
    run = Simulation(scenario, brief=brief, heard=heard)
    run.warm_up()
    run.flood()
    run.heal()
    return run.outcome()


def simulate_many(scenarios: Sequence[Scenario], *, brief: bool = True) -> Iterator[Outcome]:
    """The outcome of each scenario, in order: the very one that `simulate` gives. Those that are alike up to their flood
    are warmed up once, and each goes on from a copy; a copy is kept only while it is still needed. Raises UsageError for a
    machine that cannot be, when its turn comes."""
    warm = _Warm()
    plans = [plan(scenario) for scenario in scenarios]
    left = Counter(beginning(work) for work in plans)
    for work in plans:
        key, seed = beginning(work), work.scenario.seed
        left[key] -= 1
        run = warm.copy(key, seed)
        if run is None:
            run = Simulation(work.scenario, brief=brief)
            run.warm_up()
            if left[key]:
                warm.keep(key, run)
        elif run.work.scenario.seed != seed:
            run.cluster.reseed(seed, _run(work.scenario))
        if not left[key]:
            warm.drop(key)
        run.flood(work)
        run.heal()
        yield run.outcome()


class _Warm:
    """Runs at the end of their warmup, pickled: by how they begin, and by their seed if chance had a part in it."""

    def __init__(self) -> None:
        self._kept: dict[bytes, dict[int | None, bytes]] = {}

    def copy(self, key: bytes, seed: int) -> Simulation | None:
        """A run that has gone as one with `seed` would; None: there is none yet."""
        kept = self._kept.get(key, {})
        found = kept.get(None) or kept.get(seed)
        run: Simulation | None = pickle.loads(found) if found else None
        return run

    def keep(self, key: bytes, run: Simulation) -> None:
        seed = run.work.scenario.seed if run.cluster.drawn else None
        self._kept.setdefault(key, {})[seed] = pickle.dumps(run, pickle.HIGHEST_PROTOCOL)

    def drop(self, key: bytes) -> None:
        self._kept.pop(key, None)


def beginning(work: Plan) -> bytes:
    """Equal for two plans whose runs are the same until the flood, but for what chance decides: nodes (with the sockets that
    they open for it), links, the length of warmup, and the name that stands in every record."""
    return msgpack.encode((work.scenario.name, work.scenario.links, work.nodes, work.phases[0]))


def judged(outcome: Outcome) -> Judgement:
    """The verdict on every initiator of `outcome`."""
    return judge_record(outcome, outcome.initiators, outcome.proofs)


def _run(scenario: Scenario) -> str:
    """What a simulated run is called in its own record."""
    return f"{scenario.name}-seed{scenario.seed}"


def _checked(floods: Sequence[Flooded], cluster: Cluster) -> tuple[list[Event], tuple[str, ...]]:
    """Events that void the run for floods that were not in force, and notes on weak ones. What the simulated links lose is
    the scenario's own doing: what was sent counts."""
    series = by_node(cluster.samples, cluster.initiators)
    told = [(flooded, short) for flooded in floods for short in inforce.shortfalls(flooded, series, frozenset(series))]
    voids = [
        void(flooded.ended_ns, cluster.run, short.told, next_step=nextstep.MORE_JUNK, hang_stands=True)
        for flooded, short in told
        if not short.in_force
    ]
    return voids, tuple(short.told for _, short in told if short.in_force)
