"""Packets where they wait: a ring buffer or a queued packet is a slot, and a junk socket is a queue of them."""

from __future__ import annotations

from collections import deque

from nodes.machine.allocators.base import Block, PacketAllocator

Slot = tuple[Block | None, Block]
"""A ring buffer or a queued packet: its head (None: not in the ring, or given back by coalescing) and its data."""


class Socket:
    """A junk socket and what it holds."""

    __slots__ = ("coalesces", "held_bytes", "queue", "rcvbuf_bytes")

    def __init__(self, rcvbuf_bytes: int, coalesces: bool) -> None:
        self.rcvbuf_bytes = rcvbuf_bytes
        self.coalesces = coalesces
        self.queue: deque[Slot] = deque()
        """Oldest first. Each counts with the true size of the card it came through."""
        self.held_bytes = 0


def is_marked(slot: Slot, heads_mark: bool = True) -> bool:
    """Did head or data come from the reserve? Under a policy whose heads do not mark, the data alone counts."""
    head, data = slot
    return data.marked or (heads_mark and head is not None and head.marked)


def release(allocator: PacketAllocator, slot: Slot, cpu: int = 0) -> None:
    """Gives a slot's memory back, on `cpu`."""
    head, data = slot
    allocator.release(data, cpu)
    if head is not None:
        allocator.release(head, cpu)
