"""Counts into time, time into a ratio: how much faster the server gets, what that hangs on, what would have to be true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from controller.studies.epoll2006.caches import KINDS, Caches
from controller.studies.epoll2006.costs import COSTS, Prices
from controller.studies.epoll2006.kmalloc import Kmalloc
from controller.studies.epoll2006.memory import Memory
from controller.studies.epoll2006.server import Load, Server
from controller.studies.epoll2006.tree import Tree
from nodes.machine.allocators.nta import V1, V2
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks

BASELINES_RPS = (1600, 1700, 1800)
"""Requests/s with kmalloc: the ends of what was claimed, and the middle (EP1)."""
CLAIMS_RPS = {"nta-v1": 2300, "nta-v2": 2450}
"""Requests/s claimed: "more than" (EP1, EP2)."""
TARGET_RATIO = 1.4
""""More than 40 %" (EP1)."""
ALLOCATORS = ("kmalloc", "nta-v1", "nta-v2")
POOL_PAGES = 1 << 18
"""1 GiB, his box (physics.md section 7): memory never runs out."""
WARM = 4
"""So many requests go before each that is counted."""
KEVENT_RPS = 2600
"""His own kevent in place of epoll, the same server otherwise, with kmalloc: "more than" (EPB, 28 July 2006)."""


@dataclass(frozen=True)
class Counts:
    """What one request costs with one allocator: mean number of operations, by name of their cost."""

    allocator: str
    per_request: Mapping[str, float]

    def time_ns(self, prices: Prices) -> float:
        """At these prices."""
        return sum(self.per_request.get(name, 0.0) * price for name, price in prices.items())


@cache
def counted(allocator: str, load: Load) -> Counts:
    """Serves `load` with `allocator` and counts, after a warm-up."""
    caches = Caches(load.cpus, load.cache_bytes)
    pool = PagePool(POOL_PAGES, Watermarks.of(256, POOL_PAGES))
    heads = Kmalloc(load.cpus, caches, pool, debug=bool(load.debug_slab))
    shapes = {"nta-v1": V1, "nta-v2": V2}
    memory: Memory = heads if allocator == "kmalloc" else Tree(load.cpus, caches, pool, shapes[allocator])
    server = Server(load, caches, heads, memory)
    batches = -(-load.requests // load.in_flight)
    for _ in range(-(-WARM * load.requests // load.in_flight)):
        server.serve()
    caches.cleared()
    heads.work.clear()
    memory.work.clear()
    for _ in range(batches):
        server.serve()
    work = heads.work if memory is heads else heads.work + memory.work
    return _per_request(allocator, caches, work, batches * load.in_flight)


def _per_request(allocator: str, caches: Caches, work: Counter[str], requests: int) -> Counts:
    lines = caches.counts().values()
    total = work + Counter({kind: sum(row[kind] for row in lines) for kind in KINDS})
    return Counts(allocator, {name: count / requests for name, count in sorted(total.items())})


def saved_ns(load: Load, allocator: str, prices: Prices) -> float:
    """Time a request saves by leaving kmalloc for `allocator`; negative when it loses."""
    return counted("kmalloc", load).time_ns(prices) - counted(allocator, load).time_ns(prices)


def favourable(load: Load, allocator: str) -> Prices:
    """Every price at that end of its range that helps the claim most."""
    kmalloc, other = counted("kmalloc", load).per_request, counted(allocator, load).per_request
    return {
        cost.name: cost.high_ns if kmalloc.get(cost.name, 0.0) > other.get(cost.name, 0.0) else cost.low_ns
        for cost in COSTS
    }


def needed_ns(baseline_rps: float, ratio: float = TARGET_RATIO) -> float:
    """Time a request must save so that `baseline_rps` grows by `ratio`. All else in a request stays as it is."""
    return 1e9 / baseline_rps * (1 - 1 / ratio)


def ratio_of(saved: float, baseline_rps: float) -> float:
    """Growth of the rate when every request of `1 / baseline_rps` saves `saved` ns; infinite when nothing would be left."""
    whole = 1e9 / baseline_rps
    return whole / (whole - saved) if saved < whole else float("inf")
