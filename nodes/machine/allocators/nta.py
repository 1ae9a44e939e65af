"""Polyakov's network tree allocator: packet data from per-CPU pools that are set aside when the machine starts.

Theory of operation. A pool is a row of *nodes* (contiguous blocks), cut into units; an integer per node has a bit for every
unit (1: free). Free pieces stand in lists by length. A request is rounded up to whole units and takes the oldest piece of
the first list that is long enough; the rest goes back to its list. A free on the owner's CPU joins the piece with its free
neighbours in the node. A free on another CPU only hangs the object on the owner's list, which is emptied at the end of the
owner's next *free*, never by an allocation. Despite the name, nothing walks a tree. The sk_buff head stays in slab.

Sources: physics.md section 7; the posted patches, lkml 20060814110359.GA27704 (v1) and 20060816075137.GA22397 (v2),
net/core/alloc/avl.c.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nodes.errors import UsageError
from nodes.machine.allocators.base import NO_RESERVE, AllocatorStats, Block
from nodes.machine.allocators.slab import SlabAllocator
from nodes.machine.pages import PagePool
from nodes.units import PAGE_BYTES

POOLS_SHARE = 8
"""Pools take an eighth of memory at most where no size is asked for (own). The posted 15.95 MiB a CPU were for "a 1 GB box"
(physics.md section 7); two CPUs have them from 256 MiB of memory on."""
GROWTH_PAGES_MAX = 8
"""Pages that one growth record adds at most (v2, AVL_NODE_NUM)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NtaShape:
    """One posted version."""

    name: str
    unit_bytes: int
    """Smallest object and alignment."""
    node_bytes: int
    """Contiguous block: the largest object."""
    nodes: int
    """Preallocated for every CPU, never returned."""
    grows: bool
    """Asks the page allocator for more when a request fails."""

    @property
    def pool_pages(self) -> int:
        """Preallocated pages of one CPU (the bitmaps and list heads, 25 and 3 pages a CPU, are not counted)."""
        return self.nodes * self.node_bytes // PAGE_BYTES

    def scaled(self, memory_pages: int, cpus: int, pool_bytes: int = 0) -> NtaShape:
        """With pools of `pool_bytes` on each CPU, in whole nodes; 0: the posted size, where all pools together then take
        no more than POOLS_SHARE of memory, else that share. Raises UsageError for less than a node."""
        share_bytes = memory_pages * PAGE_BYTES // POOLS_SHARE // cpus
        nodes = pool_bytes // self.node_bytes if pool_bytes else max(1, min(self.nodes, share_bytes // self.node_bytes))
        if not nodes:
            raise UsageError(
                f"a pool of {pool_bytes} B does not hold one node of allocator '{self.name}', {self.node_bytes} B: make it"
                f" at least so large"
            )
        return replace(self, nodes=nodes)


V1 = NtaShape(name="nta-v1", unit_bytes=32, node_bytes=16 << 10, nodes=1021, grows=False)
"""14 August 2006: 15.95 MiB a CPU. (AVL_BITS 10 gives 1022 nodes, of which the root is entered twice.)"""
V2 = NtaShape(name="nta-v2", unit_bytes=64, node_bytes=32 << 10, nodes=8, grows=True)
"""16 August 2006: 256 KiB a CPU; the unit is a line of the L1 cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NtaStats(AllocatorStats):
    """What is special about pools. Bytes are of data pools alone, heads are in slab."""

    pool_pages: int
    """Set aside at the start; no user can take them and they never return."""
    grown_pages: int
    """Got from the page allocator since, descriptors included; they never return either."""
    free_bytes: int
    """In pools, free for an allocation now."""
    largest_free_bytes: int
    """The longest piece of them: no request above it can be served without growth."""
    waiting: int
    """Objects freed on another CPU, which their owner has not taken back yet."""
    waiting_bytes: int
    refused: int
    """Requests for data that found no piece and no page."""

    @property
    def fragmentation(self) -> float:
        """External fragmentation, 0 to 1: share of the free bytes that lies outside the longest piece."""
        return 1 - self.largest_free_bytes / self.free_bytes if self.free_bytes else 0.0


class Chunk:
    """An allocated object. Never from the reserve: a pool knows none."""

    __slots__ = ("asked_bytes", "cpu", "start", "units")
    marked = False

    def __init__(self, cpu: int, start: int, units: int, asked_bytes: int) -> None:
        self.cpu = cpu
        """Owner."""
        self.start = start
        """First unit, counted over all nodes of the pool."""
        self.units = units
        self.asked_bytes = asked_bytes


class Pool:
    """Nodes of one CPU. Units are numbered over all nodes; a node of one grown page uses the low bits of its bitmap."""

    __slots__ = ("free_units", "grown_pages", "lists", "masks", "node_units", "nonempty", "units_per_page", "waiting")

    def __init__(self, shape: NtaShape) -> None:
        self.node_units = shape.node_bytes // shape.unit_bytes
        self.units_per_page = PAGE_BYTES // shape.unit_bytes
        self.masks: list[int] = []
        """Per node: which units are free."""
        self.lists: list[dict[int, None]] = [{} for _ in range(self.node_units + 1)]
        """First units of the free pieces, by length; oldest first."""
        self.nonempty = 0
        """Bit n: lists[n] has a piece."""
        self.waiting: list[Chunk] = []
        """Freed on other CPUs; the last one is taken back first (a singly linked list in the patch)."""
        self.free_units = 0
        self.grown_pages = 0
        for _ in range(shape.nodes):
            self.add_node(self.node_units)

    def add_node(self, units: int) -> None:
        """A new block of so many free units."""
        start = len(self.masks) * self.node_units
        self.masks.append((1 << units) - 1)
        self.free_units += units
        self._put(start, units)

    def list_for(self, units: int) -> int:
        """Length of the pieces in the list that serves a request: the first that is not empty; 0: none."""
        longer = self.nonempty >> units
        return units + (longer & -longer).bit_length() - 1 if longer else 0

    def take(self, units: int) -> int | None:
        """First unit of a piece cut to `units`, or None."""
        length = self.list_for(units)
        if not length:
            return None
        start = next(iter(self.lists[length]))
        self._drop(start, length)
        node, offset = divmod(start, self.node_units)
        self.masks[node] &= ~(((1 << units) - 1) << offset)
        self.free_units -= units
        if length > units:
            self._put(start + units, length - units)
        return start

    def neighbours(self, start: int, units: int) -> tuple[int, int]:
        """Lengths of the free pieces that end and begin at an allocated object, inside its node."""
        node, offset = divmod(start, self.node_units)
        mask = self.masks[node]
        below = offset - (~mask & ((1 << offset) - 1)).bit_length()
        rest = mask >> (offset + units)
        return below, (~rest & (rest + 1)).bit_length() - 1

    def give(self, start: int, units: int) -> None:
        """Takes units back and joins them with the free neighbours in their node."""
        node, offset = divmod(start, self.node_units)
        own = ((1 << units) - 1) << offset
        assert not self.masks[node] & own, "freed twice"
        below, above = self.neighbours(start, units)
        if below:
            self._drop(start - below, below)
        if above:
            self._drop(start + units, above)
        self.masks[node] |= own
        self.free_units += units
        self._put(start - below, below + units + above)

    def _put(self, start: int, length: int) -> None:
        self.lists[length][start] = None
        self.nonempty |= 1 << length

    def _drop(self, start: int, length: int) -> None:
        pieces = self.lists[length]
        del pieces[start]
        if not pieces:
            self.nonempty &= ~(1 << length)

    def pinned_pages(self, node_pages: int) -> int:
        """Pages with both free and allocated units."""
        page = (1 << self.units_per_page) - 1
        found = 0
        for mask in self.masks:
            for number in range(node_pages):
                found += 0 < mask >> number * self.units_per_page & page < page
        return found


class NtaAllocator:
    """Pools for packet data and a slab for heads. Raises UsageError when memory cannot hold the pools and the watermarks."""

    def __init__(self, pool: PagePool, cpus: int = 1, shape: NtaShape = V2) -> None:
        self.pool, self.shape = pool, shape
        self.marked_pages = 0
        """Always: neither pools nor heads use the reserve."""
        self._heads = SlabAllocator(pool)
        self._take_pools(cpus)
        self.pools = [Pool(shape) for _ in range(cpus)]
        """One a CPU."""
        self._objects = self._asked_bytes = self._allocations = self._releases = 0
        self._cross_cpu_releases = self._refused = 0

    def _take_pools(self, cpus: int) -> None:
        pages, high = cpus * self.shape.pool_pages, self.pool.marks.high_pages
        if self.pool.free - pages <= high:
            raise UsageError(
                f"allocator '{self.shape.name}' sets {self.shape.pool_pages} pages aside on each of {cpus} CPUs, {pages} in"
                f" all, and the high watermark is {high}: memory of {self.pool.total} pages does not hold both (more than"
                f" {self.pool.total - self.pool.free + pages + high} pages are needed, a smaller pool, or fewer CPUs)"
            )
        for _ in range(pages):
            self.pool.take(0)

    @property
    def pages(self) -> int:
        """Pages held: pools and heads."""
        grown = sum(pool.grown_pages for pool in self.pools)
        return len(self.pools) * self.shape.pool_pages + grown + self._heads.pages

    def head(self, floor_pages: int, reserve_pages_max: int = NO_RESERVE, beside: Block | None = None) -> Block | None:
        """See PacketAllocator. From slab, never from the reserve: the pools are meant to do without."""
        return self._heads.head(floor_pages, NO_RESERVE)

    def data(
        self, size_bytes: int, floor_pages: int, reserve_pages_max: int = NO_RESERVE, cpu: int = 0
    ) -> Block | None:
        """See PacketAllocator. From the pool of `cpu`, at most a node, and never from the reserve: no recourse."""
        assert 0 < size_bytes <= self.shape.node_bytes, f"{size_bytes} bytes of packet data do not fit a node"
        pool = self.pools[cpu]
        units = -(-size_bytes // self.shape.unit_bytes)
        start = pool.take(units)
        if start is None and self.shape.grows and self._grow(pool, floor_pages):
            start = pool.take(units)
        if start is None:
            self._refused += 1
            return None
        self._objects += 1
        self._allocations += 1
        self._asked_bytes += size_bytes
        return Chunk(cpu, start, units, size_bytes)

    def _grow(self, pool: Pool, floor_pages: int) -> bool:
        """A page for bitmaps, then as many single pages as the floor allows, 8 at most (avl_node_entry_alloc)."""
        if not self.pool.take(floor_pages):
            return False
        got = 0
        while got < GROWTH_PAGES_MAX and self.pool.take(floor_pages):
            pool.add_node(pool.units_per_page)
            got += 1
        if not got:
            self.pool.give()
            return False
        pool.grown_pages += got + 1
        return True

    def release(self, block: Block, cpu: int = 0) -> None:
        """See PacketAllocator. Whatever is freed on a CPU, its own waiting list is emptied then (avl_free)."""
        if not isinstance(block, Chunk):
            self._heads.release(block, cpu)
            return
        self._releases += 1
        self._objects -= 1
        self._asked_bytes -= block.asked_bytes
        if block.cpu == cpu:
            self.pools[cpu].give(block.start, block.units)
        else:
            self._cross_cpu_releases += 1
            self.pools[block.cpu].waiting.append(block)
        own = self.pools[cpu]
        while own.waiting:
            late = own.waiting.pop()
            own.give(late.start, late.units)

    @property
    def spent(self) -> bool:
        """The pool of CPU 0 has no room for a page, and does not grow."""
        return not self.shape.grows and self.room_bytes() < PAGE_BYTES

    def opens(self, reserve_pages_max: int) -> bool:
        """See PacketAllocator. Never."""
        return False

    def data_pages(self, size_bytes: int) -> int:
        """See PacketAllocator. A pool that grows takes a page for bitmaps and at least one more."""
        return 2 if self.shape.grows and self.room_bytes() < size_bytes else 0

    def head_pages(self, data_bytes: int) -> int:
        """See PacketAllocator."""
        return self._heads.head_pages(data_bytes)

    def room_bytes(self) -> int:
        """The longest free piece of the pool of CPU 0, where packets are received and sent: no more can be had at once."""
        return max(0, self.pools[0].nonempty.bit_length() - 1) * self.shape.unit_bytes

    def stats(self) -> NtaStats:
        """See PacketAllocator and NtaStats. Heads are included in what AllocatorStats has."""
        heads, unit, pools = self._heads.stats(), self.shape.unit_bytes, self.pools
        node_pages = self.shape.node_bytes // PAGE_BYTES
        waiting = [chunk for pool in pools for chunk in pool.waiting]
        return NtaStats(
            objects=heads.objects + self._objects,
            pages=self.pages,
            asked_bytes=heads.asked_bytes + self._asked_bytes,
            pinned_pages=heads.pinned_pages + sum(pool.pinned_pages(node_pages) for pool in pools),
            allocations=heads.allocations + self._allocations,
            releases=heads.releases + self._releases,
            pages_returned=heads.pages_returned,
            cross_cpu_releases=heads.cross_cpu_releases + self._cross_cpu_releases,
            pool_pages=len(pools) * self.shape.pool_pages,
            grown_pages=sum(pool.grown_pages for pool in pools),
            free_bytes=unit * sum(pool.free_units for pool in pools),
            largest_free_bytes=unit * max(pool.nonempty.bit_length() - 1 for pool in pools) if pools else 0,
            waiting=len(waiting),
            waiting_bytes=unit * sum(chunk.units for chunk in waiting),
            refused=self._refused,
        )
