"""Slab first, then memory of another kind: never before slab refuses, never for who may not, never too many."""

from __future__ import annotations

import pytest

from nodes.machine.allocators.base import ALL_RESERVE, Block
from nodes.machine.allocators.fallback import PACKETS_MAX, FallbackAllocator
from nodes.machine.allocators.slab import SlabAllocator
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks

PAGES, FLOOR = 1024, 400
DATA_BYTES = 2048


def exhausted(kind: str, packets_max: int = PACKETS_MAX) -> FallbackAllocator:
    """Nothing is free above FLOOR, and nothing on a free list."""
    pool = PagePool(PAGES, Watermarks.of(8, PAGES))
    while pool.free > FLOOR:
        pool.take(0)
    return FallbackAllocator(pool, kind=kind, packets_max=packets_max)


def packet(allocator: FallbackAllocator, reserve_pages_max: int) -> tuple[Block | None, Block | None]:
    data = allocator.data(DATA_BYTES, FLOOR, reserve_pages_max)
    return data, allocator.head(FLOOR, reserve_pages_max, beside=data)


@pytest.mark.parametrize("kind", ["srog", "pages"])
def test_in_times_of_plenty_it_is_slab(kind: str) -> None:
    slab = SlabAllocator(PagePool(PAGES, Watermarks.of(8, PAGES)))
    fallback = FallbackAllocator(PagePool(PAGES, Watermarks.of(8, PAGES)), kind=kind)
    for allocator in (slab, fallback):
        blocks = [allocator.data(DATA_BYTES, 8, ALL_RESERVE) for _ in range(33)]
        blocks += [allocator.head(8, ALL_RESERVE, beside=block) for block in blocks]
        for block in blocks[::2]:
            assert block is not None and not block.marked
            allocator.release(block)
    assert slab.stats() == fallback.stats()


@pytest.mark.parametrize("kind", ["slab", "srog", "pages"])
def test_who_may_not_use_the_reserve_gets_nothing_of_it(kind: str) -> None:
    """So does what is sent, which asks for none."""
    allocator = exhausted(kind)
    assert packet(allocator, 0) == (None, None)
    data, _ = packet(allocator, 128)
    assert data is not None and allocator.head(FLOOR, 0, beside=data) is None, "beside a marked packet neither"


@pytest.mark.parametrize(("kind", "pages"), [("srog", 33), ("pages", 66), ("slab", 17 + 3)])
def test_an_emergency_packet_takes_what_its_posting_gave_it(kind: str, pages: int) -> None:
    """33 packets: a page each (12 August), two each (25 August), or shared ones (our own yardstick)."""
    allocator = exhausted(kind)
    blocks = [block for _ in range(33) for block in packet(allocator, 128)]
    assert allocator.pages == allocator.marked_pages == pages
    assert all(block is not None and block.marked for block in blocks)
    for block in blocks:
        assert block is not None
        allocator.release(block)
    assert allocator.pages == allocator.marked_pages == allocator.stats().objects == 0


def test_at_most_128_packets_at_a_time_whatever_the_reserve() -> None:
    allocator = exhausted("srog")
    packets = [packet(allocator, ALL_RESERVE) for _ in range(PACKETS_MAX)]
    assert not allocator.opens(ALL_RESERVE) and packet(allocator, ALL_RESERVE) == (None, None)
    for block in packets.pop():
        assert block is not None
        allocator.release(block)
    assert allocator.opens(ALL_RESERVE) and packet(allocator, ALL_RESERVE)[1] is not None


def test_the_last_packet_gets_its_head_too() -> None:
    allocator = exhausted("srog", packets_max=1)
    data, head = packet(allocator, ALL_RESERVE)
    assert data is not None and head is not None and allocator.pages == 1


def test_a_head_that_slab_refuses_has_a_group_of_its_own() -> None:
    """Its data came from slab, where room was."""
    allocator = exhausted("srog")
    allocator.pool.give()
    data, head = packet(allocator, 128)
    assert data is not None and not data.marked and head is not None and head.marked
    assert (allocator.pages, allocator.marked_pages) == (2, 1)


def test_what_was_allocated_before_a_change_counts_against_the_limit_and_goes_back_as_what_it_is() -> None:
    allocator = exhausted("srog")
    before = [packet(allocator, 8) for _ in range(6)]
    allocator.serve("pages")
    assert packet(allocator, 8)[1] is not None and packet(allocator, 8) == (None, None)
    for pair in before:
        for block in pair:
            assert block is not None
            allocator.release(block)
    assert allocator.marked_pages == 2
