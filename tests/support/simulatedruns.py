"""Small scenarios that really are simulated, and a simulation that records what it is told to."""

from __future__ import annotations

from collections.abc import Callable

from controller.experiment.record import Phase, Result
from controller.simulated.simulate import Outcome
from nodes.eventkinds import PhaseBegun
from nodes.messages import Event, Sample

RUN = "tiny-seed7"
SECOND = 10**9
TINY = """\
name: tiny
about: a machine of 16 MiB, hit by junk
nodes:
  initiator: {memory: 16 MiB, min_free: 1 MiB, working_set: 24 MiB, touch_rate: 2 kpages/s}
  target: {size: 64 MiB, latency: 200 us, rate: 200 Mbit}
links:
  data: {rate: 1 Gbit, delay: 200 us}
policy: none
floods:
  - {kind: udp, rate: 20 kpps, reader: stalled, rcvbuf: 4 MiB}
phases: {warmup: 4 s, flood: 3 s, heal: 2 s}
expect:
  - verdict: [healthy, slow]
seed: 7
"""


def outcome(*phases: str) -> Outcome:
    """A second of each phase, in which nothing happens but a sample."""
    spans = tuple(Phase(name=name, start_ns=i * SECOND, end_ns=(i + 1) * SECOND) for i, name in enumerate(phases))
    events = [
        Event(t_ns=span.start_ns, node="controller", run=RUN, detail=PhaseBegun(phase=span.name)) for span in spans
    ]
    samples = [Sample(t_ns=span.end_ns, node="initiator-1", run=RUN, tier="sim") for span in spans]
    result = Result(run=RUN, scenario="tiny", tier="sim", policy="none", seed=7, phases=spans)
    return Outcome(result=result, samples=samples, events=events, initiators=("initiator-1",), proofs={})


class ScriptedSimulation:
    """Calls `at` with the name of each phase when it comes to it; its record has the phases it came to."""

    def __init__(self, at: Callable[[str], None]) -> None:
        self._at = at
        self._phases: list[str] = []

    def warm_up(self) -> None:
        self._begin("warmup")

    def flood(self) -> None:
        self._begin("flood")

    def heal(self) -> None:
        self._begin("heal")

    def outcome(self) -> Outcome:
        return outcome(*self._phases)

    def _begin(self, phase: str) -> None:
        self._phases.append(phase)
        self._at(phase)
