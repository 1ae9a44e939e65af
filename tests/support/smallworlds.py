"""Small scenarios for the simulator: a machine of 8 MiB that is under pressure within a second, and settings to vary."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from controller.experiment.scenario import Scenario, parse
from controller.experiment.scenario.vary import vary
from controller.simulated.simulate import Outcome

SMALL = """
name: small
nodes:
  initiator: {memory: 8 MiB, min_free: 512 KiB, nic: e1000e, working_set: 12 MiB, touch_rate: 1 kpages/s}
  target: {size: 64 MiB, latency: 200 us, rate: 200 Mbit}
links:
  data: {rate: 1 Gbit, delay: 200 us}
policy: none
floods:
  - {kind: udp, rate: 40 kpps, size: 1400 B, sockets: 2, reader: stalled, rcvbuf: 1 MiB}
phases: {warmup: 3 s, flood: 2 s, heal: 1 s}
expect:
  - verdict: [healthy, slow, starved, deadlocked]
seed: 7
"""
"""Under `none` the flood hangs it for ever; under `memalloc` it lives."""


def small(
    changes: Mapping[str, object] | None = None, faults: str = "[]", *, heal: str = "1 s", initiators: int = 1
) -> Scenario:
    """SMALL with `faults` (a YAML list), another length of `heal`, so many `initiators`, and `changes` by dotted path."""
    text = SMALL.replace("heal: 1 s", f"heal: {heal}").replace("initiator: {", f"initiator: {{count: {initiators}, ")
    return vary(parse(f"{text}faults: {faults}\n"), changes or {})


def recorded(outcome: Outcome) -> tuple[bytes, ...]:
    """Everything of a run, as the run folder writes it: events, samples, phases, proofs."""
    return tuple(
        msgspec.json.encode(part) for part in (outcome.events, outcome.samples, outcome.result.phases, outcome.proofs)
    )
