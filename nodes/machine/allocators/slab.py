"""The slab allocator: objects of one size share a page, and the page returns only when its last object is gone.

Placement is real (every object knows its page), so that pinning is an outcome: one long-lived object holds a whole page
(physics.md section 12, `memalloc + slab`: must reproduce).
"""

from __future__ import annotations

from nodes.machine.allocators.base import NO_RESERVE, AllocatorStats, Block
from nodes.machine.pages import PagePool
from nodes.units import PAGE_BYTES

HEAD_BYTES = 256
"""sk_buff descriptor (physics.md section 12: 16 a page)."""
SIZES_BYTES = (512, 1024, 2048, 4096)
"""kmalloc caches a data area may come from."""


class Slab:
    """One page of objects. An allocated object is a reference to its slab: which of the objects is of no interest."""

    __slots__ = ("cache", "marked", "used")

    def __init__(self, cache: Cache, marked: bool) -> None:
        self.cache = cache
        self.marked = marked
        self.used = 1


class Odd:
    """An object that was asked for smaller than its cache's size; a plain one is the Slab itself, to stay fast."""

    __slots__ = ("marked", "slab", "slack_bytes")

    def __init__(self, slab: Slab, slack_bytes: int) -> None:
        self.slab, self.marked, self.slack_bytes = slab, slab.marked, slack_bytes


class Cache:
    """Slabs of one object size."""

    __slots__ = ("allocations", "allocator", "capacity", "marked_partial", "object_bytes", "partial", "slabs")

    def __init__(self, allocator: SlabAllocator, object_bytes: int) -> None:
        self.allocator = allocator
        self.object_bytes = object_bytes
        self.capacity = PAGE_BYTES // object_bytes
        self.slabs = self.allocations = 0
        self.partial: dict[Slab, None] = {}
        """Unmarked slabs with room (an ordered set: the one that joined last serves first)."""
        self.marked_partial: dict[Slab, None] = {}

    def take(self, floor_pages: int, reserve_pages_max: int) -> Slab | None:
        """An object. The normal attempt comes first, whole: a partial slab, then a new page above the floor. Only when it
        fails does the reserve open, so that marks vanish with the pressure that caused them (the lesson of d8c19014bba8,
        physics.md section 10 row 7)."""
        if self.partial:
            return self._object_of(next(reversed(self.partial)), self.partial)
        allocator = self.allocator
        pool = allocator.pool
        if pool.take(floor_pages):
            return self._new_slab(self.partial, marked=False)
        if not reserve_pages_max:
            return None
        if self.marked_partial:
            return self._object_of(next(reversed(self.marked_partial)), self.marked_partial)
        if allocator.marked_pages < reserve_pages_max and pool.take(0):
            allocator.marked_pages += 1
            return self._new_slab(self.marked_partial, marked=True)
        return None

    def _new_slab(self, partial: dict[Slab, None], *, marked: bool) -> Slab:
        """A slab with its first object taken; a page that is one object never has room."""
        self.allocator.pages += 1
        self.slabs += 1
        self.allocations += 1
        slab = Slab(self, marked)
        if self.capacity > 1:
            partial[slab] = None
        return slab

    def _object_of(self, slab: Slab, partial: dict[Slab, None]) -> Slab:
        self.allocations += 1
        slab.used = used = slab.used + 1
        if used == self.capacity:
            del partial[slab]
        return slab

    def give(self, slab: Slab) -> None:
        """Takes an object back; an empty slab's page returns to the pool at once."""
        slab.used = used = slab.used - 1
        partial = self.marked_partial if slab.marked else self.partial
        if used == 0:
            partial.pop(slab, None)
            self.slabs -= 1
            self.allocator.page_back(slab.marked)
        elif used == self.capacity - 1:
            partial[slab] = None

    @property
    def open_slabs(self) -> int:
        """Slabs with room."""
        return len(self.partial) + len(self.marked_partial)

    @property
    def objects(self) -> int:
        """Allocated now: counted when asked, so that the hot path need not."""
        used = sum(slab.used for partial in (self.partial, self.marked_partial) for slab in partial)
        return (self.slabs - self.open_slabs) * self.capacity + used


class SlabAllocator:
    """Caches for heads and for the usual data sizes."""

    def __init__(self, pool: PagePool, cpus: int = 1) -> None:
        self.pool = pool
        self.pages = 0
        self.marked_pages = 0
        self._heads = Cache(self, HEAD_BYTES)
        self._data = {size: Cache(self, size) for size in SIZES_BYTES}
        self._slack_bytes = self._pages_returned = self._cross_cpu_releases = 0

    def head(self, floor_pages: int, reserve_pages_max: int = NO_RESERVE, beside: Block | None = None) -> Block | None:
        """See PacketAllocator."""
        return self._heads.take(floor_pages, reserve_pages_max)

    def data(self, size_bytes: int, floor_pages: int, reserve_pages_max: int = NO_RESERVE) -> Block | None:
        """See PacketAllocator. More than a page is our mistake: the machine models no jumbo frames."""
        cache = self._data.get(size_bytes)
        if cache is None:
            return self._odd(size_bytes, floor_pages, reserve_pages_max)
        return cache.take(floor_pages, reserve_pages_max)

    def _odd(self, size_bytes: int, floor_pages: int, reserve_pages_max: int) -> Odd | None:
        """From the smallest cache that is large enough."""
        assert 0 < size_bytes <= PAGE_BYTES, f"{size_bytes} bytes of packet data do not fit a page"
        cache = next(cache for size, cache in self._data.items() if size_bytes <= size)
        slab = cache.take(floor_pages, reserve_pages_max)
        if slab is None:
            return None
        odd = Odd(slab, cache.object_bytes - size_bytes)
        self._slack_bytes += odd.slack_bytes
        return odd

    def release(self, block: Block, cpu: int = 0) -> None:
        """See PacketAllocator."""
        if cpu:
            self._cross_cpu_releases += 1
        if isinstance(block, Slab):
            block.cache.give(block)
            return
        assert isinstance(block, Odd)
        self._slack_bytes -= block.slack_bytes
        block.slab.cache.give(block.slab)

    def opens(self, reserve_pages_max: int) -> bool:
        """See PacketAllocator."""
        return self.marked_pages < reserve_pages_max

    def data_pages(self, size_bytes: int) -> int:
        """See PacketAllocator."""
        return 0 if next(cache for size, cache in self._data.items() if size_bytes <= size).partial else 1

    def head_pages(self, data_bytes: int) -> int:
        """See PacketAllocator."""
        return 0 if self._heads.partial else 1

    def stats(self) -> AllocatorStats:
        """See PacketAllocator."""
        caches = [self._heads, *self._data.values()]
        objects = [cache.objects for cache in caches]
        allocations = sum(cache.allocations for cache in caches)
        held_bytes = sum(cache.object_bytes * count for cache, count in zip(caches, objects, strict=True))
        return AllocatorStats(
            objects=sum(objects),
            pages=self.pages,
            asked_bytes=held_bytes - self._slack_bytes,
            pinned_pages=sum(cache.open_slabs for cache in caches),
            allocations=allocations,
            releases=allocations - sum(objects),
            pages_returned=self._pages_returned,
            cross_cpu_releases=self._cross_cpu_releases,
        )

    def page_back(self, marked: bool) -> None:
        """A slab has emptied."""
        self.pages -= 1
        self.marked_pages -= marked
        self._pages_returned += 1
        self.pool.give()
