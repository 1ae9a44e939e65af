"""The network tree allocator at work: the real one, with every line that the posted code reads and writes.

Free pieces carry their list entry in their own first bytes, so that a free writes to the object, and splitting and joining
write to neighbours. struct page leads to the node; the node's bitmap is a line (lkml 20060816075137.GA22397, avl.c).
"""

from __future__ import annotations

from collections import Counter

from controller.studies.epoll2006.caches import Caches
from controller.studies.epoll2006.memory import TREE_PAGES, TREE_TABLES, Area, page_struct
from nodes.machine.allocators.nta import Chunk, NtaAllocator, NtaShape, Pool
from nodes.machine.pages import PagePool

CPU_BYTES = 1 << 32
LIST_HEAD_BYTES = 16
_MASKS = 1 << 20
_NODE_BYTES = 80
"""avl_node: an address and a bitmap of 512 bits."""
_OWNER = 1 << 30
"""avl_allocator_data: the lock and the list of what other CPUs freed."""


class WatchedPool(Pool):
    """A pool that tells what its work touches; every call is done on the owner's CPU."""

    def __init__(self, shape: NtaShape, cpu: int, caches: Caches, work: Counter[str]) -> None:
        self.shape, self.cpu, self.caches, self.work = shape, cpu, caches, work
        self.tables = TREE_TABLES + cpu * CPU_BYTES
        super().__init__(shape)

    def address(self, unit: int) -> int:
        """Where a unit lies."""
        return TREE_PAGES + self.cpu * CPU_BYTES + unit * self.shape.unit_bytes

    def take(self, units: int) -> int | None:
        """Looks through the lists from the request's own up to the first that has a piece (avl_alloc, a plain loop)."""
        length = self.list_for(units)
        scanned = (length or self.node_units) - units + 1
        self.work["scan"] += scanned
        self.caches.read(self.cpu, self.tables + LIST_HEAD_BYTES * units, LIST_HEAD_BYTES * scanned)
        start = super().take(units)
        if start is not None:
            self._piece(start, length)
            self._node(start)
            if length > units:
                self._piece(start + units, length - units)
        return start

    def give(self, start: int, units: int) -> None:
        """Bitmap, own first line, and those of the neighbours that are joined (avl_combine)."""
        below, above = self.neighbours(start, units)
        self._node(start)
        for first, length in ((start - below, below), (start + units, above)):
            if length:
                self._piece(first, length)
        self._piece(start - below, below + units + above)
        super().give(start, units)

    def _piece(self, start: int, length: int) -> None:
        """A piece enters or leaves its list."""
        self.caches.write(self.cpu, self.address(start))
        self.caches.write(self.cpu, self.tables + LIST_HEAD_BYTES * length)

    def _node(self, start: int) -> None:
        self.caches.read(self.cpu, page_struct(self.address(start)))
        self.caches.write(self.cpu, self.tables + _MASKS + _NODE_BYTES * (start // self.node_units), _NODE_BYTES)


class Tree:
    """Packet data from the network tree allocator."""

    def __init__(self, cpus: int, caches: Caches, pool: PagePool, shape: NtaShape) -> None:
        self.caches, self.work = caches, Counter[str]()
        self.allocator = NtaAllocator(pool, cpus, shape)
        self.watched = [WatchedPool(shape, cpu, caches, self.work) for cpu in range(cpus)]
        self.allocator.pools = list[Pool](self.watched)

    def take(self, size_bytes: int, cpu: int) -> Area:
        """See Memory."""
        self.work["nta"] += 1
        self.caches.purpose = "allocator"
        grown = self.watched[cpu].grown_pages
        chunk = self.allocator.data(size_bytes, 0, cpu=cpu)
        self.work["page"] += self.watched[cpu].grown_pages - grown
        assert isinstance(chunk, Chunk), "the pool has run out"
        return Area(self.watched[cpu].address(chunk.start), size_bytes, chunk)

    def give(self, area: Area, cpu: int) -> None:
        """See Memory. On another CPU: only the object and the owner's list are written; what waits for this CPU follows."""
        chunk = area.block
        assert isinstance(chunk, Chunk)
        self.work["nta"] += 1
        self.caches.purpose = "allocator"
        self.caches.read(cpu, page_struct(area.at))
        if chunk.cpu != cpu:
            self._link(cpu, area.at, chunk.cpu)
        for late in self.watched[cpu].waiting:
            self._link(cpu, self.watched[cpu].address(late.start), cpu)
            self.work["nta"] += 1
        self.allocator.release(chunk, cpu)

    def _link(self, cpu: int, at: int, owner: int) -> None:
        """Into the owner's list, or out of it: its lock, its head, and the object's first line."""
        self.work["lock"] += 1
        self.caches.write(cpu, TREE_TABLES + owner * CPU_BYTES + _OWNER)
        self.caches.write(cpu, at)
