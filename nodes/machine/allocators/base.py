"""What the machine asks of a packet allocator."""

from __future__ import annotations

from typing import Protocol

NO_RESERVE = 0
"""`reserve_pages_max` of a request that may not touch the reserve."""
ALL_RESERVE = 1 << 62
"""`reserve_pages_max` of a request that may take all of it."""


class Block(Protocol):
    """An allocated object. `marked` means that it came from the reserve (the kernel's pfmemalloc)."""

    marked: bool


class PacketAllocator(Protocol):
    """Memory for packets out of the page pool.

    Every request names the floor of its class, and how many reserve pages the allocator may hold in all to serve it when
    that floor refuses (`reserve_pages_max`). Objects already on a free list cost no page and meet no watermark; marked
    ones are handed only to requests that may use the reserve (mm/slub.c; physics.md section 2).
    """

    pages: int
    """Pages held."""
    marked_pages: int
    """Of these, taken from the reserve."""

    def head(self, floor_pages: int, reserve_pages_max: int = NO_RESERVE) -> Block | None:
        """A packet's descriptor (sk_buff), or None."""

    def data(self, size_bytes: int, floor_pages: int, reserve_pages_max: int = NO_RESERVE) -> Block | None:
        """A packet's data area of at least `size_bytes` (at most a page), or None."""

    def release(self, block: Block) -> None:
        """Gives an object back."""
