"""What a worker does: varies the scenario, simulates, judges, and keeps a row of figures. Needs nothing but Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from controller.experiment.plan import plan
from controller.experiment.record import NodeVerdict
from controller.experiment.scenario import Scenario
from controller.experiment.scenario.vary import vary
from controller.experiment.verdict import Judgement
from controller.experiment.verdicts import worst
from controller.simulated.simulate import judged, simulate_many
from controller.studies.sweep.model import Broken, Chunk, Swept
from nodes.errors import HarnessError, InconclusiveError, UsageError
from nodes.messages import Sample

Simulated = tuple[Judgement, Sequence[Sample]]
Simulator = Callable[[Sequence[Scenario]], Iterator[Simulated]]
"""All scenarios of a chunk, so that it can share what they have in common, to what became of each, in their order."""


def in_virtual_time(scenarios: Sequence[Scenario]) -> Iterator[Simulated]:
    """The simulator: the judgement on each of `scenarios`, and the samples that it rests on."""
    return ((judged(outcome), outcome.samples) for outcome in simulate_many(scenarios))


def carry_out(scenario: Scenario, chunk: Chunk, simulator: Simulator = in_virtual_time) -> list[Swept | Broken]:
    """A result for each point of `chunk`. A point whose settings cannot go together is `invalid`; one where netreserve
    itself fails is Broken; neither stops the others."""
    varied, found = _varied(scenario, chunk)
    left = [*varied]
    while left:  # once, unless a simulation fails: its generator is over then, and the rest begins anew
        try:
            for judgement, samples in simulator([varied[index] for index in left]):
                found.append(_row(left.pop(0), judgement, samples))
            assert not left, "the simulator gives a result for every scenario"
        except Exception as error:  # whatever it is, the other points are worth having
            found.append(_failed(left.pop(0), error))
    return sorted(found, key=lambda result: result.point)


def _varied(scenario: Scenario, chunk: Chunk) -> tuple[dict[int, Scenario], list[Swept | Broken]]:
    """By point what can be run, and a row for what cannot. `plan` refuses too: it knows the machine's marks."""
    varied: dict[int, Scenario] = {}
    refused: list[Swept | Broken] = []
    for point in chunk:
        try:
            changed = vary(scenario, point.changes)
            plan(changed)
            varied[point.index] = changed
        except UsageError as error:
            refused.append(Swept(point=point.index, verdict="invalid", reason=_line(error)))
    return varied, refused


def _failed(index: int, error: Exception) -> Swept | Broken:
    if isinstance(error, UsageError):
        return Swept(point=index, verdict="invalid", reason=_line(error))
    if isinstance(error, InconclusiveError):
        return Swept(point=index, verdict="inconclusive", reason=_line(error))
    what = _line(error) if isinstance(error, HarnessError) else f"unexpected {type(error).__name__}: {_line(error)}"
    return Broken(point=index, message=what)


def _row(index: int, judgement: Judgement, samples: Sequence[Sample]) -> Swept:
    if not judgement.nodes:
        return Swept(point=index, verdict=judgement.verdict, reason=judgement.sentence)
    verdict = worst(node.verdict for node in judgement.nodes)
    node = next(node for node in judgement.nodes if node.verdict == verdict)
    return _figures(index, node, [sample for sample in samples if sample.node == node.node])


def _figures(index: int, node: NodeVerdict, samples: Sequence[Sample]) -> Swept:
    last = samples[-1] if samples else Sample(t_ns=0, node=node.node, run="")
    return Swept(
        point=index,
        verdict=node.verdict,
        reason=node.reason,
        recovery_ns=node.recovery_ns,
        hang_ns=longest_pause_ns(samples),
        warmup_pages_per_s=round(node.warmup_pages_per_s, 3),
        flood_pages_per_s=round(node.flood_pages_per_s, 3),
        heal_pages_per_s=round(node.heal_pages_per_s, 3),
        reserve_used_pages=node.reserve_used_pages,
        free_least_pages=min((sample.free_pages for sample in samples), default=0),
        early_drops=last.early_drops,
        rcvbuf_drops=last.rcvbuf_drops,
        no_buffer_drops=last.no_buffer_drops,
        rx_alloc_failures=last.rx_alloc_failures,
        block_drops=last.block_drops,
        swap_out_pages=last.swap_out_pages,
        swap_in_pages=last.swap_in_pages,
    )


def longest_pause_ns(samples: Iterable[Sample]) -> int:
    """The longest time without a touched page, once the first was touched: before that the machine was filling up."""
    return max((sample.progress_age_ns for sample in samples if sample.progress_pages), default=0)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
