"""Many short runs in virtual time: what each came down to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from controller.experiment.record import NodeVerdict
from controller.experiment.scenario import Scenario
from controller.experiment.verdict import Judgement
from controller.experiment.verdicts import SURVIVED, VerdictName
from controller.simulated.simulate import Outcome, judged, simulate, simulate_many
from nodes.eventkinds import Wait

Cycle = tuple[tuple[str, str], ...]
"""Waiter and resource of each edge of a wait-for cycle, beginning with the first waiter in the alphabet."""

Goal = Literal["survival", "no-failures"]
"""What is asked of a run: that its machine survives; or that it does and that none of its receptions failed for want of
memory, as a kernel's log would tell by `page allocation failure: order:0 ... GFP_ATOMIC`."""


class Trial(Struct, frozen=True, kw_only=True):
    """One simulated run and what it came down to."""

    seed: int
    verdict: VerdictName
    cycle: Cycle = ()
    """Of the first initiator with that verdict."""
    sentence: str = ""
    cycle_waiters: tuple[str, ...] = ()
    """Of the same cycle, in the order that it is told in."""
    flood_ratio: float = 0.0
    """Progress in the flood as a share of warmup's, of that initiator."""
    proved: bool = False
    """Whether that initiator was proved to stand still for ever."""
    drawn: bool = True
    """Whether chance had a part in it: without one, every seed gives this trial."""
    peaks: dict[str, int] = {}
    """The most of each gauge in any sample of an initiator, by the field's name in `nodes.messages.Sample`: of a counter its
    end."""

    @property
    def survived(self) -> bool:
        return self.verdict in SURVIVED

    @property
    def alloc_failures(self) -> int:
        """Allocations of the receive path that failed, of the initiator that had most."""
        return self.peaks.get("rx_alloc_failures", 0)

    def meets(self, goal: Goal) -> bool:
        """Whether it came to what was asked."""
        return self.survived and (goal == "survival" or not self.alloc_failures)


GAUGES = (
    "reserve_used_pages",
    "in_flight",
    "writeback_pages",
    "ring_free_slots",
    "junk_held_bytes",
    "rx_alloc_failures",
)


def try_out(scenario: Scenario) -> Trial:
    """Simulates `scenario` with its own seed, until the verdict is decided."""
    return _trial(scenario, simulate(scenario, brief=True))


def try_together(scenarios: Sequence[Scenario]) -> list[Trial]:
    """As `try_out` each of `scenarios`; what they have in common before their floods is simulated once."""
    return [_trial(scenario, outcome) for scenario, outcome in zip(scenarios, simulate_many(scenarios), strict=True)]


def _trial(scenario: Scenario, outcome: Outcome) -> Trial:
    judgement = judged(outcome)
    node = _speaker(judgement)
    before = node.warmup_pages_per_s if node else 0.0
    return Trial(
        seed=scenario.seed,
        verdict=judgement.verdict,
        cycle=cycle_of(judgement),
        sentence=judgement.sentence,
        cycle_waiters=tuple(edge.waiter for edge in node.cycle) if node else (),
        flood_ratio=round(node.flood_pages_per_s / before, 3) if node and before else 0.0,
        proved=node is not None and node.node in outcome.proofs,
        drawn=outcome.drawn,
        peaks=peaks(outcome),
    )


def cycle_of(judgement: Judgement) -> Cycle:
    """The cycle of the first initiator with the verdict that speaks for all; empty when it has none."""
    node = _speaker(judgement)
    return shape_of(node.cycle) if node else ()


def _speaker(judgement: Judgement) -> NodeVerdict | None:
    return next((node for node in judgement.nodes if node.verdict == judgement.verdict), None)


def shape_of(edges: Sequence[Wait]) -> Cycle:
    """What makes two cycles the same: who waits for what. Counts may differ, and where the telling begins."""
    pairs = [(edge.waiter, edge.resource) for edge in edges]
    start = pairs.index(min(pairs)) if pairs else 0
    return tuple(pairs[start:] + pairs[:start])


def cycle_text(cycle: Cycle) -> str:
    """A cycle on one line."""
    return " -> ".join(f"{waiter} (waits for {resource})" for waiter, resource in cycle) + f" -> {cycle[0][0]}"


def peaks(outcome: Outcome) -> dict[str, int]:
    """The most of each gauge."""
    own = [sample for sample in outcome.samples if sample.node in outcome.initiators]
    return {name: max((int(getattr(sample, name)) for sample in own), default=0) for name in GAUGES}
