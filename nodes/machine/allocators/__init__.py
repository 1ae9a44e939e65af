"""Packet allocators by name. Registration is explicit: adding one is a file here and a line in this table."""

from __future__ import annotations

from collections.abc import Callable

from nodes.machine.allocators.base import PacketAllocator
from nodes.machine.allocators.fallback import KINDS, FallbackAllocator
from nodes.machine.allocators.nta import V1, V2, NtaAllocator
from nodes.machine.pages import PagePool
from nodes.registry import Registry

ALLOCATORS: Registry[Callable[[PagePool, int, int], PacketAllocator]] = Registry("allocator")
"""Each is made from the machine's page pool, its number of CPUs, and the bytes of a pool on each CPU (0: its own default; no
matter to those without pools)."""
ALLOCATORS.register("slab", lambda pool, cpus, pool_bytes: FallbackAllocator(pool, cpus, "slab"))
ALLOCATORS.register("srog", lambda pool, cpus, pool_bytes: FallbackAllocator(pool, cpus, "srog"))
ALLOCATORS.register("pages", lambda pool, cpus, pool_bytes: FallbackAllocator(pool, cpus, "pages"))
ALLOCATORS.register(V1.name, lambda pool, cpus, size: NtaAllocator(pool, cpus, V1.scaled(pool.total, cpus, size)))
ALLOCATORS.register(V2.name, lambda pool, cpus, size: NtaAllocator(pool, cpus, V2.scaled(pool.total, cpus, size)))


def can_change(before: str, after: str) -> bool:
    """Can a running machine go from one allocator to the other? Emergency memory can be put behind a running slab, and be
    another kind; pools are set aside when a machine starts."""
    return before == after or (before in KINDS and after in KINDS)
