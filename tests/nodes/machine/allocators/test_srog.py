"""SROG: one group per packet, a page back with its last object, the posted free list (physics.md section 6)."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nodes.machine.allocators.slab import HEAD_BYTES, SlabAllocator
from nodes.machine.allocators.srog import (
    PAGE_HEADER_BYTES,
    PIECE_BYTES_MIN,
    GroupPage,
    Piece,
    SrogAllocator,
    length_of,
    put_back,
)
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks
from nodes.units import PAGE_BYTES

FULL_BYTES = 2048
"""A ring buffer at MTU 1500."""


def allocator(pages: int = 64) -> SrogAllocator:
    return SrogAllocator(PagePool(pages, Watermarks.of(8, pages)))


def data(srog: SrogAllocator, size_bytes: int, floor_pages: int = 0, reserve: int = 0) -> Piece:
    block = srog.data(size_bytes, floor_pages, reserve)
    assert isinstance(block, Piece)
    return block


def head(srog: SrogAllocator, beside: Piece | None, floor_pages: int = 0, reserve: int = 0) -> Piece:
    block = srog.head(floor_pages, reserve, beside=beside)
    assert isinstance(block, Piece)
    return block


def drain(srog: SrogAllocator) -> None:
    while srog.pool.take(0):
        pass


def test_a_packet_is_one_page_and_its_drop_gives_it_back_at_once() -> None:
    srog = allocator()
    packets = []
    for count in range(1, 11):
        body = data(srog, FULL_BYTES)
        packets.append((body, head(srog, body)))
        assert srog.pages == count
    for left, (body, top) in reversed(list(enumerate(packets))):
        srog.release(top)
        assert srog.pages == left + 1, "its data still lives there"
        srog.release(body)
        assert srog.pages == left, "the neighbours' lives are of no interest"


def test_slab_packs_more_and_returns_later() -> None:
    """The known contrast: the same packets, of which every second one lives on."""
    srog, slab = allocator(), SlabAllocator(PagePool(64, Watermarks.of(8, 64)))
    held = {}
    for each in (srog, slab):
        packets = []
        for _ in range(16):
            body = each.data(FULL_BYTES, 0)
            packets.append((body, each.head(0, beside=body)))
        full = each.pages
        for body, top in packets[::2]:
            assert body is not None and top is not None
            each.release(body)
            each.release(top)
        held[each] = full, each.pages
    assert held == {srog: (16, 8), slab: (9, 9)}, "slab: 8 pages of data, 1 of heads, all of them pinned"
    assert slab.stats().pinned_pages == 9 and slab.stats().pages_per_release == 0


def test_objects_have_a_prefix_and_alignment() -> None:
    assert [length_of(size) for size in (1, 12, 13, HEAD_BYTES, FULL_BYTES)] == [16, 16, 24, 264, 2056]
    srog = allocator()
    body = data(srog, FULL_BYTES)
    top = head(srog, body)
    assert (body.offset, top.offset) == (PAGE_HEADER_BYTES, PAGE_HEADER_BYTES + 2056)
    assert body.page.free == [(48 + 2056 + 264, PAGE_BYTES - 48 - 2056 - 264)]


def test_a_head_that_does_not_fit_links_a_page_to_the_group() -> None:
    srog = allocator()
    body = data(srog, 3900)
    top = head(srog, body)
    assert srog.pages == 2 and top.page is not body.page and top.page.group is body.page.group
    second = head(srog, body)
    assert second.page is top.page, "first fit over all pages of the group"
    srog.release(body)
    assert srog.pages == 1, "a page does not wait for its group"


def test_a_copy_of_a_page_is_a_plain_page() -> None:
    srog = allocator()
    copy = data(srog, PAGE_BYTES)
    assert (copy.offset, copy.length, srog.stats().pinned_pages) == (0, PAGE_BYTES, 0)
    assert data(srog, 4044).offset == PAGE_HEADER_BYTES, "the longest object that shares its page with a header"
    assert data(srog, 4045).offset == 0
    srog.release(copy)
    assert srog.pages == 2


def test_a_head_alone_opens_its_own_group() -> None:
    srog = allocator()
    assert head(srog, None).page is not head(srog, None).page and srog.pages == 2


def test_marks_come_only_when_the_normal_attempt_fails_and_stay_with_the_page() -> None:
    srog = allocator()
    calm = data(srog, FULL_BYTES, 3, 2)
    assert not calm.marked, "a page above the floor was there"
    while srog.pool.free > 3:
        srog.pool.take(0)
    assert srog.data(FULL_BYTES, 3) is None, "not entitled"
    marked = data(srog, FULL_BYTES, 3, 2)
    assert marked.marked and srog.marked_pages == 1
    assert not head(srog, calm, 3).marked, "room beside normal data costs no page and meets no watermark"
    assert srog.head(3, beside=marked) is None, "room on a marked page is for the entitled alone"
    assert head(srog, marked, 3, 2).marked and srog.marked_pages == 1
    assert data(srog, FULL_BYTES, 3, 2).marked and srog.data(FULL_BYTES, 3, 2) is None, "2 pages of reserve in all"


def test_free_room_is_joined_with_the_first_entry_alone() -> None:
    """The posted defect: three neighbours freed in order grow together, freed from both ends inwards they do not."""
    in_order: list[tuple[int, int]] = []
    for offset in (0, 100, 200):
        put_back(in_order, offset, 100)
    assert in_order == [(0, 300)]
    ends_first: list[tuple[int, int]] = []
    for offset in (0, 200, 100):
        put_back(ends_first, offset, 100)
    assert ends_first == [(100, 200), (0, 100)], "a list kept in order would have joined all three"


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 1200), st.integers(0, 1 << 30)), max_size=60))
def test_objects_and_free_room_tile_their_pages(operations: list[tuple[bool, int, int]]) -> None:
    srog = allocator(256)
    live = [data(srog, 8)]
    group = live[0].page.group
    for take, size, choice in operations:
        if take or len(live) == 1:
            piece = srog._take(size, 0, 0, group)
            assert piece is not None
            live.append(piece)
        else:
            srog.release(live.pop(1 + choice % (len(live) - 1)))
        assert set(map(id, group)) == {id(piece.page) for piece in live}
        for page in group:
            assert _covered(page, live) == [PAGE_HEADER_BYTES, PAGE_BYTES]


def _covered(page: GroupPage, live: list[Piece]) -> list[int]:
    """Begin and end of what objects and free pieces cover, which must lie end to end."""
    parts = sorted([*((piece.offset, piece.length) for piece in live if piece.page is page), *page.free])
    assert all(length >= PIECE_BYTES_MIN for _, length in parts)
    for (offset, length), (following, _) in pairwise(parts):
        assert offset + length == following, "a hole or an overlap"
    return [parts[0][0], sum(parts[-1])]
