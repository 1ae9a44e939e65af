"""How a run ended for the initiator that fared worst, in the few figures that runs are laid side by side by."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from controller.experiment.record import NodeVerdict, Result
from controller.experiment.trace import phase
from nodes.eventkinds import Wait
from nodes.messages import Sample
from nodes.units import SECOND_NS, format_ns

DROPS = {
    "early_drops": "early drop",
    "rcvbuf_drops": "full socket",
    "no_buffer_drops": "no receive buffer",
    "rx_alloc_failures": "refill failures",
    "block_drops": "swap link",
}
"""The counters of a sample that tell what was lost, and the report's words for them."""


class Ending(Struct, frozen=True, kw_only=True):
    """The figures; those of a run that could not be carried out are empty."""

    flood_ratio: float = 0.0
    """Progress in the flood as a share of warmup's."""
    hang_s: float | None = None
    """From the flood's start to the last progress of a machine that did not come back."""
    recovery_s: float | None = None
    drops: dict[str, int] = {}
    """By the field's name in `nodes.messages.Sample`; those that are 0 are left out, and so are all that nobody measured."""
    edges: tuple[Wait, ...] = ()
    """The wait-for cycle."""


def worst_node(result: Result) -> NodeVerdict | None:
    """The first initiator with the verdict that speaks for all; None for a run that judged nobody."""
    return next((node for node in result.nodes if node.verdict == result.verdict), None)


def ending(result: Result, samples: Sequence[Sample] = ()) -> Ending:
    """The figures of `result`; the drops need the run's samples."""
    node = worst_node(result)
    if node is None:
        return Ending()
    flood = phase(result.phases, "flood")
    stands = node.stalled_since_ns is not None and flood is not None
    return Ending(
        flood_ratio=node.flood_pages_per_s / node.warmup_pages_per_s if node.warmup_pages_per_s else 0.0,
        hang_s=((node.stalled_since_ns or 0) - flood.start_ns) / SECOND_NS if stands and flood else None,
        recovery_s=None if node.recovery_ns is None else node.recovery_ns / SECOND_NS,
        drops=drops_of(node.node, samples),
        edges=node.cycle,
    )


def drops_of(node: str, samples: Sequence[Sample]) -> dict[str, int]:
    """What was lost at `node` in the whole run: counters take their highest value."""
    own = [sample for sample in samples if sample.node == node]
    most = {name: max((int(getattr(sample, name)) for sample in own), default=0) for name in DROPS}
    return {name: count for name, count in most.items() if count}


def drops_text(drops: dict[str, int]) -> str:
    """`1,200 early drop, 3 swap link`."""
    return ", ".join(f"{drops[name]:,} {word}" for name, word in DROPS.items() if drops.get(name))


def figures_text(end: Ending) -> str:
    """Progress, hang and recovery in words; empty where nothing was measured."""
    told = [f"{100 * end.flood_ratio:.0f} % of its rate"] if end.flood_ratio else []
    if end.hang_s is not None:
        told.append(f"stands since {end.hang_s:.1f} s")
    if end.recovery_s is not None:
        told.append(f"back after {format_ns(round(end.recovery_s * SECOND_NS))}")
    return ", ".join(told)
