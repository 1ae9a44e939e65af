"""Many short runs in virtual time: what each came down to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from controller.experiment.record import NodeVerdict
from controller.experiment.scenario import Scenario
from controller.experiment.verdict import Judgement
from controller.experiment.verdicts import SURVIVED, VerdictName
from controller.simulated.simulate import Outcome, judged, simulate
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
    outcome = simulate(scenario, brief=True)
    judgement = judged(outcome)
    return Trial(
        seed=scenario.seed,
        verdict=judgement.verdict,
        cycle=cycle_of(judgement),
        sentence=judgement.sentence,
        peaks=peaks(outcome),
    )


def cycle_of(judgement: Judgement) -> Cycle:
    """The cycle of the first initiator with the verdict that speaks for all; empty when it has none."""
    node: NodeVerdict | None = next((node for node in judgement.nodes if node.verdict == judgement.verdict), None)
    return shape_of(node.cycle) if node else ()


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
