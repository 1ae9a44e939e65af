"""What the machine asks of a packet allocator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from nodes.units import PAGE_BYTES

NO_RESERVE = 0
"""`reserve_pages_max` of a request that may not touch the reserve."""
ALL_RESERVE = 1 << 62
"""`reserve_pages_max` of a request that may take all of it."""


class Block(Protocol):
    """An allocated object. `marked` means that it came from the reserve (the kernel's pfmemalloc)."""

    marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocatorStats:
    """What an allocator holds now, and what it has done. Counters only grow."""

    objects: int
    """Allocated now."""
    pages: int
    """Held now."""
    asked_bytes: int
    """Of the objects that are allocated now, as they were asked for."""
    pinned_pages: int
    """Held pages with room in them: at least one object keeps each from returning."""
    allocations: int
    releases: int
    pages_returned: int
    """All pages that ever went back to the pool."""
    cross_cpu_releases: int
    """Releases on another CPU than the object's own."""

    @property
    def overhead(self) -> float:
        """Bytes held per byte asked for; 0 when nothing is allocated."""
        return self.pages * PAGE_BYTES / self.asked_bytes if self.asked_bytes else 0.0

    @property
    def pages_per_release(self) -> float:
        """Pages returned per release, on average."""
        return self.pages_returned / self.releases if self.releases else 0.0


class PacketAllocator(Protocol):
    """Memory for packets out of the page pool.

    Every request names the floor of its class, and how many reserve pages the allocator may hold in all to serve it when
    that floor refuses (`reserve_pages_max`). Objects already on a free list cost no page and meet no watermark; marked
    ones are handed only to requests that may use the reserve (mm/slub.c; physics.md section 2).
    """

    @property
    def pages(self) -> int:
        """Pages held."""

    @property
    def marked_pages(self) -> int:
        """Of these, taken from the reserve."""

    def head(self, floor_pages: int, reserve_pages_max: int = NO_RESERVE, beside: Block | None = None) -> Block | None:
        """A packet's descriptor (sk_buff), or None. `beside`: the data of the same packet, for allocators that group."""

    def data(self, size_bytes: int, floor_pages: int, reserve_pages_max: int = NO_RESERVE) -> Block | None:
        """A packet's data area of at least `size_bytes` (at most a page), or None."""

    def release(self, block: Block, cpu: int = 0) -> None:
        """Gives an object back, on `cpu`; packets are received, and requests sent, on CPU 0."""

    def opens(self, reserve_pages_max: int) -> bool:
        """May it take one more page of the reserve for a request that names `reserve_pages_max`?"""

    def data_pages(self, size_bytes: int) -> int:
        """How many pages the pool must give before a data area of `size_bytes` can be had without the reserve: none when
        the allocator has room for it, or when pages are of no use to it."""

    def head_pages(self, data_bytes: int) -> int:
        """The same for a descriptor beside data of `data_bytes`."""

    def stats(self) -> AllocatorStats:
        """See AllocatorStats."""


def behind(allocator: PacketAllocator) -> PacketAllocator:
    """The allocator itself, where a recorder stands in front of it."""
    served: PacketAllocator = getattr(allocator, "allocator", allocator)
    return served
