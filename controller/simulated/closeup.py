"""A span of a simulated run gone through again, finer: what a sample every 100 ms cannot show. The run repeats to the
byte, and looking changes nothing in it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from controller.experiment.scenario import Scenario
from controller.simulated.simulate import Simulation
from nodes.errors import UsageError
from nodes.eventkinds import Wait
from nodes.machine import waits as graph
from nodes.messages import Sample
from nodes.sim.cluster import Cluster
from nodes.sim.loop import MEASURE

STEPS_MAX = 2_000
"""More than the pixels that a page is wide (own)."""


class Waiting(Struct, frozen=True, kw_only=True):
    """Who waited for whom at a machine from `t_ns` on, until the next of these."""

    t_ns: int
    node: str
    waits: tuple[Wait, ...]
    cycle: tuple[Wait, ...]
    """The closed part, or empty."""


class Closeup(Struct, frozen=True, kw_only=True):
    """Every initiator's figures, `step_ns` apart, and its waits wherever they changed."""

    step_ns: int
    samples: list[Sample]
    waits: list[Waiting]


class _Enough(Exception):
    """The end of the span."""


def closeup(scenario: Scenario, from_ns: int, to_ns: int, step_ns: int) -> Closeup:
    """The run of `scenario` between two moments of its virtual time, `from_ns` included. The span ends where the planned
    phases do. Raises UsageError for a span that is empty, or has more than STEPS_MAX steps."""
    if not 0 <= from_ns < to_ns or step_ns <= 0:
        raise UsageError(f"a close-up needs 0 <= from < to and a step above 0 ns; got {from_ns}, {to_ns}, {step_ns} ns")
    if (to_ns - from_ns) // step_ns > STEPS_MAX:
        raise UsageError(f"a close-up has at most {STEPS_MAX:,} steps; {to_ns - from_ns} ns by {step_ns} ns are more")
    run = Simulation(scenario, brief=True)
    probe = _Probe(run.cluster, min(to_ns, run.work.total_ns), step_ns)
    run.cluster.loop.at_rank(from_ns, MEASURE, probe.look)
    try:
        run.warm_up()
        run.flood()
        run.heal()
    except _Enough:
        pass
    return Closeup(step_ns=step_ns, samples=probe.samples, waits=probe.waits)


class _Probe:
    """Looks at every initiator, again and again."""

    def __init__(self, cluster: Cluster, end_ns: int, step_ns: int) -> None:
        self.samples: list[Sample] = []
        self.waits: list[Waiting] = []
        self._cluster, self._end_ns, self._step_ns = cluster, end_ns, step_ns
        self._last: dict[str, Sequence[Wait]] = {}

    def look(self) -> None:
        loop = self._cluster.loop
        for name, initiator in self._cluster.initiators.items():
            self.samples.append(initiator.figures(self._cluster.run))
            self._ask(name, initiator.machine.waits(), loop.now_ns)
        if loop.now_ns + self._step_ns > self._end_ns:
            raise _Enough
        loop.at_rank(loop.now_ns + self._step_ns, MEASURE, self.look)

    def _ask(self, name: str, waits: tuple[Wait, ...], now_ns: int) -> None:
        if self._last.get(name) != waits:
            self._last[name] = waits
            self.waits.append(Waiting(t_ns=now_ns, node=name, waits=waits, cycle=graph.cycle(waits)))
