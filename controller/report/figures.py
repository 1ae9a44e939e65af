"""Figures for the report's tables and sentences, read from the samples. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.experiment.record import NodeVerdict, Result
from controller.experiment.verdicts import rank
from nodes.messages import Sample
from nodes.units import format_ns


@dataclass(frozen=True)
class Totals:
    """What was counted at one node, and the deepest its memory went. Counters take their highest value."""

    samples: int
    min_pages: int
    free_least: int
    reserve_most: int
    early_drops: int
    rcvbuf_drops: int
    no_buffer_drops: int
    rx_alloc_failures: int
    block_drops: int
    pump_drops: int
    swap_out_pages: int
    swap_in_pages: int
    requests_served: int


def totals(node: str, samples: Sequence[Sample]) -> Totals | None:
    """The totals of `node`; None when it was never measured."""
    own = [sample for sample in samples if sample.node == node]
    if not own:
        return None

    def most(counter: str) -> int:
        return max(int(getattr(sample, counter)) for sample in own)

    return Totals(
        samples=len(own),
        min_pages=own[-1].min_pages,
        free_least=min(sample.free_pages for sample in own),
        reserve_most=most("reserve_used_pages"),
        early_drops=most("early_drops"),
        rcvbuf_drops=most("rcvbuf_drops"),
        no_buffer_drops=most("no_buffer_drops"),
        rx_alloc_failures=most("rx_alloc_failures"),
        block_drops=most("block_drops"),
        pump_drops=most("pump_drops"),
        swap_out_pages=most("swap_out_pages"),
        swap_in_pages=most("swap_in_pages"),
        requests_served=most("requests_served"),
    )


def by_need(result: Result) -> list[NodeVerdict]:
    """The initiators, worst first: those a reader wants to see."""
    return sorted(result.nodes, key=lambda node: (-rank(node.verdict), node.node))


def why_no_cycle(node: NodeVerdict, counted: Totals | None) -> list[str]:
    """Plain facts that stand where the cycle would: what was used, what was dropped, what was lost."""
    if counted is None:
        return ["Nothing was measured at this node."]
    return [_reserve(node, counted), _dropped(counted), _lost(counted), _back(node)]


def _reserve(node: NodeVerdict, counted: Totals) -> str:
    used = max(node.reserve_used_pages, counted.reserve_most)
    if not used:
        return "The reserve was never touched: this run does not show what the policy is worth."
    return f"The reserve was used: {used:,} of {counted.min_pages:,} pages at most; {counted.free_least:,} free pages at the least."  # noqa: E501


def _dropped(counted: Totals) -> str:
    if not counted.early_drops:
        return "No junk was dropped early."
    return f"{counted.early_drops:,} junk packets were dropped early, before they could hold on to reserve memory."


def _lost(counted: Totals) -> str:
    if not counted.block_drops:
        return "No packet of the swap connection was lost."
    return f"{counted.block_drops:,} packets of the swap connection were lost."


def _back(node: NodeVerdict) -> str:
    told = f"{node.verified_pages:,} pages came back and were checked: "
    told += f"{node.corrupt_pages:,} were corrupt." if node.corrupt_pages else "all held what had been written."
    if not node.verified_pages:
        told = "No page came back, so none was checked."
    if node.recovery_ns is not None:
        told += f" Progress came back after {format_ns(node.recovery_ns)}."
    return told


def describe(node: NodeVerdict, counted: Totals | None, span_s: float) -> str:
    """The timeline in words, for who cannot see it."""
    if counted is None:
        return f"No samples of {node.node}."
    return (
        f"Timeline of {node.node} over {span_s:.0f} seconds: at least {counted.free_least} pages free against a min of "
        f"{counted.min_pages}; reserve used up to {counted.reserve_most} pages; {counted.early_drops} early drops, "
        f"{counted.rcvbuf_drops} at full sockets, {counted.no_buffer_drops} for want of a receive buffer; "
        f"{counted.swap_out_pages} pages swapped out and {counted.swap_in_pages} in."
    )
