"""Everything that the benchmark found, as one record: for a table, for JSON, for the picture."""

from __future__ import annotations

from dataclasses import dataclass

from controller.studies.epoll2006.bursts import Queue, queues
from controller.studies.epoll2006.claim import (
    BASELINES_RPS,
    CLAIMS_RPS,
    KEVENT_RPS,
    TARGET_RATIO,
    Counts,
    counted,
    needed_ns,
    ratio_of,
    saved_ns,
)
from controller.studies.epoll2006.costs import COSTS, Cost, Prices
from controller.studies.epoll2006.sensitivity import Bar, BreakEven, Joint, break_even, joint, sensitivity
from controller.studies.epoll2006.server import Load


@dataclass(frozen=True)
class Finding:
    """One version of the allocator against kmalloc, at the middle of the claimed baseline."""

    counts: Counts
    time_us: float
    """Of a request: what was counted, at the prices."""
    saved_us: float
    """Negative: it is slower than kmalloc."""
    ratio: float
    together: list[Joint]
    """All assumptions together at their best for the claim, without and with CONFIG_DEBUG_SLAB; none where not asked."""
    claimed_rps: int
    claimed_ratio_low: float
    claimed_ratio_high: float
    """Claimed rate over the highest and the lowest claimed baseline."""
    holds: bool
    """Is the ratio at least the target?"""
    sensitivity: list[Bar]
    break_even: list[BreakEven]


@dataclass(frozen=True)
class Result:
    """The whole answer."""

    load: Load
    costs: tuple[Cost, ...]
    prices: Prices
    baseline_rps: int
    request_us: float
    """Time of a request at the baseline."""
    target_ratio: float
    needed_us: float
    """To be saved by a request for the target."""
    kmalloc: Counts
    kmalloc_us: float
    ceiling: float
    """The ratio if all that was counted with kmalloc, packets and connections too, cost nothing at all."""
    elsewhere_us: float
    """Of a request at the baseline: what the same server saved with another event interface, on the same kmalloc."""
    findings: list[Finding]
    queues: list[Queue]
    """What waiting makes of a saving, queue by queue."""


def examine(load: Load, prices: Prices, *, together: bool = False) -> Result:
    """Runs the load through all three allocators, and through its variations: some seconds; with all variations `together` a
    minute more."""
    baseline = BASELINES_RPS[1]
    kmalloc = counted("kmalloc", load)
    spent = kmalloc.time_ns(prices)
    return Result(
        load=load,
        costs=COSTS,
        prices=prices,
        baseline_rps=baseline,
        request_us=1e6 / baseline,
        target_ratio=TARGET_RATIO,
        needed_us=needed_ns(baseline) / 1000,
        kmalloc=kmalloc,
        kmalloc_us=spent / 1000,
        ceiling=ratio_of(spent, baseline),
        elsewhere_us=1e6 / baseline - 1e6 / KEVENT_RPS,
        findings=[_finding(load, allocator, prices, baseline, together=together) for allocator in CLAIMS_RPS],
        queues=queues(BASELINES_RPS),
    )


def _finding(load: Load, allocator: str, prices: Prices, baseline_rps: int, *, together: bool) -> Finding:
    counts, saved = counted(allocator, load), saved_ns(load, allocator, prices)
    claimed, ratio = CLAIMS_RPS[allocator], ratio_of(saved, baseline_rps)
    return Finding(
        counts=counts,
        time_us=counts.time_ns(prices) / 1000,
        saved_us=saved / 1000,
        ratio=ratio,
        together=[joint(load, allocator, debug_slab=debug) for debug in (False, True)] if together else [],
        claimed_rps=claimed,
        claimed_ratio_low=claimed / BASELINES_RPS[-1],
        claimed_ratio_high=claimed / BASELINES_RPS[0],
        holds=ratio >= TARGET_RATIO,
        sensitivity=sensitivity(load, allocator, prices, baseline_rps),
        break_even=break_even(load, allocator, prices, baseline_rps),
    )
