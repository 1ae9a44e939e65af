"""Slab for everybody, and behind it memory of another kind for packets in an emergency.

Theory of operation. A request goes to slab first, *without* the reserve. Only when slab refuses, and the request may use the
reserve, does the packet get memory of the emergency kind; at most `packets_max` packets have such memory at a time. So in
times of plenty this is slab, and what is sent (which asks for no reserve) always is. With no emergency kind the reserve is
opened to slab itself, whose objects then share pages: a yardstick of our own, that existed in no patch of 2006.

Where slab gives the data and refuses the head, the patch frees the data and takes both from the reserve; here the data stays
in slab, where room was, and the head opens a group of its own: as many pages of the reserve.

Source: Zijlstra, 12 August 2006, patch 3/4: `__alloc_skb` tries the normal caches with `& ~__GFP_MEMALLOC`, then
`___alloc_skb` takes a group for the packet, counted (physics.md sections 0 and 6).
"""

from __future__ import annotations

from nodes.machine.allocators.base import NO_RESERVE, AllocatorStats, Block
from nodes.machine.allocators.slab import SlabAllocator
from nodes.machine.allocators.srog import Piece, SrogAllocator
from nodes.machine.allocators.wholepage import WholePageAllocator
from nodes.machine.pages import PagePool

PACKETS_MAX = 128
"""Emergency packets at a time (MAX_CONCURRENT_SKBS, 12 August); pages of them from 25 August, when a packet had two
(physics.md section 6)."""
KINDS = ("slab", "srog", "pages")
"""Emergency memory by name; a running machine can change from each to each. `slab` means: no other kind."""


class FallbackAllocator:
    """Slab, and emergency memory of one of KINDS. What is allocated keeps its kind when `serve` changes it."""

    def __init__(self, pool: PagePool, cpus: int = 1, kind: str = "slab", packets_max: int = PACKETS_MAX) -> None:
        self.pool, self.normal = pool, SlabAllocator(pool, cpus)
        self.packets_max = packets_max
        self._groups, self._whole = SrogAllocator(pool, cpus), WholePageAllocator(pool, cpus)
        self.emergency: SrogAllocator | None = None
        self.serve(kind)

    def serve(self, kind: str) -> None:
        """From now on emergency packets have memory of this kind."""
        self.emergency = {"slab": None, "srog": self._groups, "pages": self._whole}[kind]

    @property
    def pages(self) -> int:
        """Pages held."""
        return self.normal.pages + self._groups.pages + self._whole.pages

    @property
    def marked_pages(self) -> int:
        """Of these, taken from the reserve."""
        return self.normal.marked_pages + self._groups.marked_pages + self._whole.marked_pages

    def opens(self, reserve_pages_max: int) -> bool:
        """See PacketAllocator."""
        emergency = self.emergency
        full = emergency is not None and emergency.packets >= self.packets_max
        return self.marked_pages < reserve_pages_max and not full

    def head(self, floor_pages: int, reserve_pages_max: int = NO_RESERVE, beside: Block | None = None) -> Block | None:
        """See PacketAllocator. Beside emergency data it goes into the group of that data, whatever slab has."""
        emergency = self.emergency
        if emergency is None:
            return self.normal.head(floor_pages, reserve_pages_max)
        if reserve_pages_max and isinstance(beside, Piece) and beside.page.owner is emergency:
            return emergency.head(floor_pages, self._most(emergency, reserve_pages_max), beside)
        head = self.normal.head(floor_pages)
        if head is None and self.opens(reserve_pages_max):
            return emergency.head(floor_pages, self._most(emergency, reserve_pages_max))
        return head

    def data(self, size_bytes: int, floor_pages: int, reserve_pages_max: int = NO_RESERVE) -> Block | None:
        """See PacketAllocator."""
        emergency = self.emergency
        if emergency is None:
            return self.normal.data(size_bytes, floor_pages, reserve_pages_max)
        data = self.normal.data(size_bytes, floor_pages)
        if data is None and self.opens(reserve_pages_max):
            return emergency.data(size_bytes, floor_pages, self._most(emergency, reserve_pages_max))
        return data

    def _most(self, emergency: SrogAllocator, reserve_pages_max: int) -> int:
        """What `emergency` may hold of `reserve_pages_max`, beside what others hold from before a change."""
        return reserve_pages_max - self.marked_pages + emergency.marked_pages

    def release(self, block: Block, cpu: int = 0) -> None:
        """See PacketAllocator."""
        if isinstance(block, Piece):
            block.page.owner.release(block, cpu)
        else:
            self.normal.release(block, cpu)

    def data_pages(self, size_bytes: int) -> int:
        """See PacketAllocator."""
        return self.normal.data_pages(size_bytes)

    def head_pages(self, data_bytes: int) -> int:
        """See PacketAllocator."""
        return self.normal.head_pages(data_bytes)

    def stats(self) -> AllocatorStats:
        """See PacketAllocator: of all kinds together."""
        parts = [self.normal.stats(), self._groups.stats(), self._whole.stats()]
        return AllocatorStats(
            objects=sum(part.objects for part in parts),
            pages=self.pages,
            asked_bytes=sum(part.asked_bytes for part in parts),
            pinned_pages=sum(part.pinned_pages for part in parts),
            allocations=sum(part.allocations for part in parts),
            releases=sum(part.releases for part in parts),
            pages_returned=sum(part.pages_returned for part in parts),
            cross_cpu_releases=sum(part.cross_cpu_releases for part in parts),
        )
