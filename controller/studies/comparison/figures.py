"""The figures that a comparison shows of one run, from its result and samples."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from controller.experiment.record import Result
from controller.experiment.trace import phase
from nodes.messages import Sample
from nodes.units import SECOND_NS

Figures = dict[str, float | None]
"""By name of FIGURES; None: the run has no such figure."""


class Figure(Struct, frozen=True):
    """How a figure is told: its title with the unit, and how several initiators make one."""

    title: str
    several: str


FIGURES = {
    "warmup_pages_per_s": Figure("progress in warmup, pages/s", "sum"),
    "flood_pages_per_s": Figure("progress in the flood, pages/s", "sum"),
    "heal_pages_per_s": Figure("progress in heal, pages/s", "sum"),
    "recovery_s": Figure("recovery, s", "longest; none while one still stands"),
    "hang_s": Figure("time from the flood's start to the standstill, s", "shortest"),
    "early_drops": Figure("early drops, packets", "sum"),
    "rcvbuf_drops": Figure("dropped at a full socket, packets", "sum"),
    "no_buffer_drops": Figure("lost for want of a receive buffer, packets", "sum"),
    "rx_alloc_failures": Figure("failed receive allocations", "sum"),
    "block_drops": Figure("lost packets of the swap connection", "sum"),
    "reserve_used_pages": Figure("reserve used at most, pages", "most"),
    "free_least_pages": Figure("free at least, pages", "least"),
}
_COUNTERS = ("early_drops", "rcvbuf_drops", "no_buffer_drops", "rx_alloc_failures", "block_drops")


def figures(result: Result, samples: Sequence[Sample]) -> Figures:
    """All figures of a run. Pure."""
    own = {node.node for node in result.nodes}
    series = [sample for sample in samples if sample.node in own]
    nodes = result.nodes
    found: Figures = {
        name: sum(getattr(node, name) for node in nodes) if nodes else None
        for name in ("warmup_pages_per_s", "flood_pages_per_s", "heal_pages_per_s")
    }
    found |= {"recovery_s": _recovery_s(result), "hang_s": _hang_s(result)}
    found |= {name: _total(series, name) for name in _COUNTERS}
    found["reserve_used_pages"] = max((float(node.reserve_used_pages) for node in nodes), default=None)
    found["free_least_pages"] = min((float(sample.free_pages) for sample in series), default=None)
    return found


def _recovery_s(result: Result) -> float | None:
    if not result.nodes or any(node.stalled_since_ns is not None for node in result.nodes):
        return None
    return max((node.recovery_ns or 0) / SECOND_NS for node in result.nodes)


def _hang_s(result: Result) -> float | None:
    """Of the initiators that did not come back; negative when one stood before the flood."""
    flood = phase(result.phases, "flood")
    since = [node.stalled_since_ns for node in result.nodes if node.stalled_since_ns is not None]
    return (min(since) - flood.start_ns) / SECOND_NS if flood and since else None


def _total(series: Sequence[Sample], counter: str) -> float | None:
    """What the counter came to, over all initiators."""
    last: dict[str, int] = {}
    for sample in series:
        last[sample.node] = max(last.get(sample.node, 0), int(getattr(sample, counter)))
    return float(sum(last.values())) if last else None
