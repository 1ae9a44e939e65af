"""What the ratio hangs on: each assumption moved to both ends of its range, all of them together, and the price at which the
claim would hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

from controller.studies.epoll2006.claim import BASELINES_RPS, counted, favourable, needed_ns, ratio_of, saved_ns
from controller.studies.epoll2006.costs import COSTS, Prices
from controller.studies.epoll2006.server import RX_BYTES, RX_BYTES_MOST, Load


@dataclass(frozen=True)
class Bar:
    """One row of the sensitivity: the ratio at both ends of one assumption, the others at their base."""

    name: str
    low: str
    high: str
    ratio_low: float
    ratio_high: float


def sensitivity(load: Load, allocator: str, prices: Prices, baseline_rps: float) -> list[Bar]:
    """Prices first moved to both ends of their range, then the baseline, then the load; the widest bar first."""
    bars = [
        Bar(
            cost.name,
            f"{cost.low_ns:g} ns",
            f"{cost.high_ns:g} ns",
            *(
                ratio_of(saved_ns(load, allocator, prices | {cost.name: end}), baseline_rps)
                for end in (cost.low_ns, cost.high_ns)
            ),
        )
        for cost in COSTS
    ]
    saved = saved_ns(load, allocator, prices)
    ends = BASELINES_RPS[0], BASELINES_RPS[-1]
    bars.append(Bar("baseline", f"{ends[0]}/s", f"{ends[1]}/s", *(ratio_of(saved, end) for end in ends)))
    for name, low, high in _loads(load):
        ratios = [ratio_of(saved_ns(one, allocator, prices), baseline_rps) for one in (low, high)]
        bars.append(Bar(name, f"{getattr(low, name)}", f"{getattr(high, name)}", *ratios))
    return sorted(bars, key=lambda bar: -abs(bar.ratio_high - bar.ratio_low))


ENDS = {
    "cpus": (1, 2),
    "in_flight": (1, 128),
    "response_bytes": (100, 8192),
    "receive_bytes": (RX_BYTES, RX_BYTES_MOST),
    "cache_bytes": (1 << 18, 1 << 22),
    "debug_slab": (0, 1),
}
"""What the load is varied over (own)."""
JOINT_REQUESTS = 16
"""Counted at each corner of all of them together: as 128 within 1 % of the ratio."""


def _loads(load: Load) -> list[tuple[str, Load, Load]]:
    """The load with one thing changed, at both ends."""
    return [(name, replace(load, **{name: low}), replace(load, **{name: high})) for name, (low, high) in ENDS.items()]


@dataclass(frozen=True)
class Joint:
    """The most that all assumptions together make of the claim: every price at its best for it, and the highest baseline, at
    that corner of the loads' ranges where the ratio is largest."""

    load: Load
    saved_us: float
    ratio: float


def joint(load: Load, allocator: str, *, debug_slab: bool) -> Joint:
    """Over all corners of ENDS; `debug_slab`: with CONFIG_DEBUG_SLAB, else without."""
    axes = ENDS | {"debug_slab": (int(debug_slab),)}
    few = replace(load, requests=min(load.requests, JOINT_REQUESTS))
    corners = [replace(few, **dict(zip(axes, ends, strict=True))) for ends in product(*axes.values())]
    found = {corner: saved_ns(corner, allocator, favourable(corner, allocator)) for corner in corners}
    best = max(corners, key=lambda corner: found[corner])
    return Joint(best, found[best] / 1000, ratio_of(found[best], BASELINES_RPS[-1]))


@dataclass(frozen=True)
class BreakEven:
    """How large one price would have to be for the claim to hold, the others at their base."""

    name: str
    price_ns: float
    needed_ns: float | None
    """None: no price does it, since the allocator saves nothing of this kind."""
    possible: bool
    """False: at that price kmalloc's part alone would be longer than the whole request."""


def break_even(load: Load, allocator: str, prices: Prices, baseline_rps: float) -> list[BreakEven]:
    """For every price. The saving is linear in each."""
    kmalloc, other = counted("kmalloc", load), counted(allocator, load)
    missing = needed_ns(baseline_rps) - saved_ns(load, allocator, prices)
    rows = []
    for name, price in prices.items():
        fewer = kmalloc.per_request.get(name, 0.0) - other.per_request.get(name, 0.0)
        needed = price + missing / fewer if fewer else None
        if needed is None or needed < 0:
            rows.append(BreakEven(name, price, None, False))
        else:
            whole = kmalloc.time_ns(prices | {name: needed})
            rows.append(BreakEven(name, price, needed, whole <= 1e9 / baseline_rps))
    return rows
