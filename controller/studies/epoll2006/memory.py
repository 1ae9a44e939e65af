"""What the server asks of an allocator, where things lie, and what is counted beside cache lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from nodes.machine.allocators.base import Block

PAGE_STRUCTS = 1 << 48
"""Address of the array of struct page; each has a line of its own (56 B on x86-64)."""
KMALLOC_PAGES, KMALLOC_TABLES = 1 << 40, 1 << 41
TREE_PAGES, TREE_TABLES = 1 << 42, 1 << 43
CONNECTIONS = 1 << 44
"""Regions of the address space, far apart."""


@dataclass(slots=True)
class Area:
    """An allocated object. `at` is its address, bytes; `size_bytes` what it takes up."""

    at: int
    size_bytes: int
    block: Block


class Memory(Protocol):
    """Where packet data comes from. `work`: calls, locks, moves, scans and pages, by name of their cost."""

    work: Counter[str]

    def take(self, size_bytes: int, cpu: int) -> Area:
        """An object, allocated on `cpu`. Memory never runs out here."""

    def give(self, area: Area, cpu: int) -> None:
        """Frees it, on `cpu`."""


def page_struct(address: int) -> int:
    """Address of the struct page that describes `address`."""
    return PAGE_STRUCTS + (address >> 12 << 6)
