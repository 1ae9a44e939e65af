"""A page an object: nothing shares, and what is freed is a page again at once."""

from __future__ import annotations

from nodes.machine.allocators.wholepage import WholePageAllocator
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks

PAGES = 64


def test_head_and_data_have_a_page_each_however_small_and_give_it_back() -> None:
    allocator = WholePageAllocator(PagePool(PAGES, Watermarks.of(8, PAGES)))
    data = allocator.data(66, 4)
    assert data is not None
    head = allocator.head(4, beside=data)
    assert head is not None and allocator.pages == allocator.packets == 2
    assert allocator.stats().pinned_pages == 0, "there is no room that another could have"
    allocator.release(data)
    assert (allocator.pages, allocator.packets, allocator.pool.free) == (1, 1, PAGES - 1)
    allocator.release(head)
    assert (allocator.pages, allocator.packets, allocator.pool.free) == (0, 0, PAGES)


def test_the_reserve_is_marked_and_counted_in_pages() -> None:
    allocator = WholePageAllocator(PagePool(PAGES, Watermarks.of(8, PAGES)))
    packets = [(allocator.data(2048, PAGES, 4), allocator.head(PAGES, 4)) for _ in range(3)]
    assert [all(block is not None and block.marked for block in packet) for packet in packets] == [True, True, False]
    assert allocator.marked_pages == 4 and not allocator.opens(4)
