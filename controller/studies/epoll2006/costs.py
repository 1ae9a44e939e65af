"""What each kind of operation cost on a machine of 2006, in ns: low, base, high, and where the figures are from.

Cycles are turned into ns by the clock of the machine they were measured on. "Own" figures have no source: their range is
wide on purpose, and the sensitivity shows whether they matter.

    [D07]  Drepper, What every programmer should know about memory, 2007, section 3.2: Pentium M, L1d about 3 cycles, L2 14,
           main memory 240
    [MK]   McKenney, Is parallel programming hard, chapter CPU, table of a 4-CPU AMD Opteron 844 of 1.8 GHz: lock 65.6 ns,
           CAS on an own line 37.9, line from another CPU 139.5, CAS on another CPU's line 306; of a Xeon X5550: line from
           another core 31.2
    [MD07] Desnoyers and Lameter, linux-mm 20071030192101.749932864@polymtl.ca: kmalloc and kfree of 2048 B, warm, a pair:
           126 cycles on an AMD64 of 2.0 GHz, 90 on an Athlon64 with cmpxchg_local, 328 on a Pentium 4 of 3 GHz; cold:
           811 and 1497 cycles. SLUB, a year later; no such table of 2006 was found
    [CL07] Lameter, linux-mm, 21 November 2007 (Pine.LNX.4.64.0711211812060.4858): a page, order 0: pair of calls 349 cycles
           warm, 911 cold, 17 149 with 8 CPUs at once; the clock is not stated, 2.0 GHz is taken
    [JK16] Kim, "mm/slab: reduce lock contention in alloc path", linux-mm, 2016: SLAB, 10 000 kmalloc(2048) on all CPUs at
           once: 8451 cycles each; the clock is not stated, 2.0 GHz is taken
    [SLAB] mm/slab.c of 2.6.17, check_poison_obj: a loop that loads, compares and counts one byte at a time. That such a
           loop (SLUB's, at the time) was what a processor did most is told in Slusarz, "slub: reduce overhead of
           slub_debug", 2011
"""

from __future__ import annotations

from dataclasses import dataclass

from nodes.errors import UsageError
from nodes.registry import did_you_mean


@dataclass(frozen=True)
class Cost:
    """One price. `base` is used unless a person says otherwise."""

    name: str
    low_ns: float
    base_ns: float
    high_ns: float
    what: str
    source: str


COSTS = (
    Cost("cached", 1.5, 7, 14, "line in the CPU's own cache", "[D07] L1 at 2 GHz; L2; twice that (own)"),
    Cost("bounce", 31.2, 139.5, 306, "line taken from another CPU", "[MK] X5550; Opteron; Opteron, CAS"),
    Cost("memory", 60, 120, 240, "line from memory", "[D07] at 2 GHz; half and twice that (own)"),
    Cost("kmalloc", 22.5, 31.5, 54.7, "instructions of one kmalloc or kfree", "[MD07] half a warm pair"),
    Cost(
        "nta",
        15.8,
        31.5,
        109,
        "instructions of one nta allocation or free",
        "as kmalloc; half; twice the highest (own)",
    ),
    Cost("lock", 37.9, 65.6, 131, "one lock and unlock, line not counted", "[MK] CAS; lock; twice that (own)"),
    Cost("move", 5, 10, 4226, "one object between array and slab", "own; high: a whole contended kmalloc, [JK16]"),
    Cost("scan", 0.5, 1, 3, "one list head looked at, line not counted", "own: 2 cycles at 2 GHz"),
    Cost("poison", 0.5, 1, 2, "one byte of CONFIG_DEBUG_SLAB, if it is on", "[SLAB] 1, 2, 4 cycles at 2 GHz (own)"),
    Cost("page", 87, 228, 4287, "one call of the page allocator", "[CL07] half a pair: warm; cold; 8 CPUs at once"),
)

Prices = dict[str, float]
"""Cost name -> ns."""


def base_prices() -> Prices:
    """The base of every cost."""
    return {cost.name: cost.base_ns for cost in COSTS}


def parsed(words: list[str]) -> Prices:
    """Prices from `NAME=VALUE` with VALUE in ns; the others stay at their base. Raises UsageError."""
    prices = base_prices()
    for word in words:
        name, equals, text = word.partition("=")
        if name not in prices:
            raise UsageError(f"--cost {word}: unknown cost '{name}' ({did_you_mean(name, list(prices))})")
        try:
            value = float(text.removesuffix("ns"))
        except ValueError:
            value = -1.0
        if not equals or not 0 <= value < 1e9:
            raise UsageError(f"--cost {word}: a number of ns from 0 to 1e9 is needed, e.g. {name}={prices[name]:g}")
        prices[name] = value
    return prices
