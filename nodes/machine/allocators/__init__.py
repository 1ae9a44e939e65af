"""Packet allocators by name. Registration is explicit: adding one is a file here and a line in this table."""

from __future__ import annotations

from collections.abc import Callable

from nodes.machine.allocators.base import PacketAllocator
from nodes.machine.allocators.nta import V1, V2, NtaAllocator
from nodes.machine.allocators.slab import SlabAllocator
from nodes.machine.allocators.srog import SrogAllocator
from nodes.machine.pages import PagePool
from nodes.registry import Registry

ALLOCATORS: Registry[Callable[[PagePool, int], PacketAllocator]] = Registry("allocator")
"""Each is made from the machine's page pool and its number of CPUs."""
ALLOCATORS.register("slab", SlabAllocator)
ALLOCATORS.register("srog", SrogAllocator)
ALLOCATORS.register(V2.name, NtaAllocator)
ALLOCATORS.register(V1.name, lambda pool, cpus: NtaAllocator(pool, cpus, V1))
