"""The slab allocator against a slow, obvious model: every page a set of named objects."""

from hypothesis import given
from hypothesis import strategies as st

from nodes.machine.allocators.base import Block
from nodes.machine.allocators.slab import HEAD_BYTES, SlabAllocator
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks
from nodes.units import PAGE_BYTES

FLOOR = 3
RESERVE_MAX = 2
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["head", "data", "free"]), st.booleans(), st.integers(0, 1 << 30)), max_size=300
)


def allocator(pages: int = 64) -> SlabAllocator:
    return SlabAllocator(PagePool(pages, Watermarks.of(8, pages)))


@given(OPERATIONS)
def test_random_operations_keep_pages_and_marks_right(operations: list[tuple[str, bool, int]]) -> None:
    slab = allocator(24)
    live: list[Block] = []
    for what, entitled, choice in operations:
        reserve = RESERVE_MAX if entitled else 0
        if what == "free":
            if live:
                slab.release(live.pop(choice % len(live)))
        else:
            free, marked = slab.pool.free, slab.marked_pages
            block = slab.head(FLOOR, reserve) if what == "head" else slab.data(2048, FLOOR, reserve)
            if block is None:
                assert free <= FLOOR, "refused above its floor"
                assert not entitled or marked >= RESERVE_MAX or free == 0
            else:
                assert entitled or not block.marked, "the reserve was lent to an unentitled user"
                live.append(block)
        pages = {id(block): block for block in live}
        assert slab.pages == len(pages) == slab.pool.total - slab.pool.free
        assert slab.marked_pages == sum(block.marked for block in pages.values()) <= RESERVE_MAX
    for block in live:
        slab.release(block)
    assert (slab.pages, slab.marked_pages, slab.pool.free) == (0, 0, slab.pool.total)


def test_one_long_lived_object_pins_its_page() -> None:
    slab = allocator()
    heads = [slab.head(0) for _ in range(PAGE_BYTES // HEAD_BYTES)]
    assert slab.pages == 1
    for head in heads[1:]:
        assert head is not None
        slab.release(head)
    assert slab.pages == 1, "a slab page returns only when its last object is gone"
    assert heads[0] is not None
    slab.release(heads[0])
    assert slab.pages == 0


def test_objects_on_a_free_list_meet_no_watermark() -> None:
    slab = allocator()
    first = slab.data(2048, 0)
    while slab.pool.free > FLOOR:
        slab.pool.take(0)
    second = slab.data(2048, FLOOR)
    assert first is second, "the other half of the same page"
    assert slab.data(2048, FLOOR) is None


def test_marks_vanish_with_the_pressure() -> None:
    slab = allocator()
    taken = 0
    while slab.pool.free > FLOOR:
        taken += slab.pool.take(0)
    marked = slab.data(2048, FLOOR, RESERVE_MAX)
    assert marked is not None and marked.marked
    slab.pool.give(taken)
    fresh = slab.data(2048, FLOOR, RESERVE_MAX)
    assert fresh is not None and not fresh.marked, "a normal page is there again: no marked one is handed out"


def test_stats_know_what_was_asked_and_what_is_pinned() -> None:
    slab = allocator()
    odd, plain, head = slab.data(1500, 0), slab.data(2048, 0), slab.head(0)
    assert odd is not None and plain is not None and head is not None
    assert (slab.stats().pages, slab.stats().pinned_pages) == (2, 1), "a full page of data, a page of one head"
    assert slab.stats().asked_bytes == 1500 + 2048 + HEAD_BYTES
    slab.release(odd, cpu=1)
    slab.release(head)
    stats = slab.stats()
    assert (stats.objects, stats.asked_bytes, stats.pinned_pages) == (1, 2048, 1)
    assert (stats.allocations, stats.releases, stats.pages_returned, stats.cross_cpu_releases) == (3, 2, 1, 1)
    assert (stats.overhead, stats.pages_per_release) == (2, 0.5)
