"""The network tree allocator against a slow, obvious model, and what section 7 of physics.md says of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.errors import UsageError
from nodes.machine.allocators import ALLOCATORS
from nodes.machine.allocators.base import ALL_RESERVE, Block
from nodes.machine.allocators.nta import GROWTH_PAGES_MAX, V1, V2, Chunk, NtaAllocator, NtaShape, Pool
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks
from nodes.units import PAGE_BYTES

SMALL = NtaShape(name="small", unit_bytes=64, node_bytes=2 * PAGE_BYTES, nodes=2, grows=False)
"""Two nodes of two pages a CPU."""
FLOOR = 3
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["take", "take", "free"]), st.integers(1, SMALL.node_bytes), st.integers(0, 1 << 30)),
    max_size=200,
)


def allocator(shape: NtaShape = SMALL, cpus: int = 2, pages: int = 256) -> NtaAllocator:
    return NtaAllocator(PagePool(pages, Watermarks.of(8, pages)), cpus, shape)


def take(nta: NtaAllocator, size_bytes: int, cpu: int = 0, floor_pages: int = 0) -> Chunk | None:
    block = nta.data(size_bytes, floor_pages, ALL_RESERVE, cpu)
    assert block is None or isinstance(block, Chunk)
    return block


def fill(nta: NtaAllocator, size_bytes: int, cpu: int = 0, floor_pages: int = 0) -> list[Chunk]:
    """All that the pool gives."""
    chunks = []
    while (chunk := take(nta, size_bytes, cpu, floor_pages)) is not None:
        chunks.append(chunk)
    return chunks


@given(OPERATIONS)
def test_random_operations_keep_every_unit_once(operations: list[tuple[str, int, int]]) -> None:
    pool = Pool(SMALL)
    units = len(pool.masks) * pool.node_units
    owner: list[tuple[int, int] | None] = [None] * units
    live: list[tuple[int, int]] = []
    for what, size, choice in operations:
        if what == "free" and live:
            start, length = live.pop(choice % len(live))
            pool.give(start, length)
            owner[start : start + length] = [None] * length
        elif what == "take":
            length = -(-size // SMALL.unit_bytes)
            longest = max(run for run in runs(owner, pool.node_units))
            found = pool.take(length)
            assert (found is None) is (length > longest), "served exactly when some free run is long enough"
            if found is not None:
                assert owner[found : found + length] == [None] * length, "lent twice"
                assert found // pool.node_units == (found + length - 1) // pool.node_units, "across two nodes"
                owner[found : found + length] = [(found, length)] * length
                live.append((found, length))
        assert pool.free_units == owner.count(None)
        assert sorted(n for n, pieces in enumerate(pool.lists) for _ in pieces) == sorted(
            run for run in runs(owner, pool.node_units) if run
        ), "free pieces are the longest runs: neighbours are joined at once"
    for start, length in live:
        pool.give(start, length)
    assert list(pool.lists[pool.node_units]) and pool.nonempty == 1 << pool.node_units, "whole again"


def runs(owner: list[tuple[int, int] | None], node_units: int) -> list[int]:
    """Lengths of the free runs inside nodes, and a 0."""
    found, length = [0], 0
    for number, unit in enumerate(owner):
        if number % node_units == 0 or unit is not None:
            found.append(length)
            length = 0
        length += unit is None
    return [run for run in [*found, length] if run] + [0]


def test_the_oldest_piece_of_the_first_list_that_is_long_enough_is_split() -> None:
    pool = Pool(SMALL)
    placed = [pool.take(10) for _ in range(6)]
    assert placed == [0, 10, 20, 30, 40, 50], "the first node is cut from its start, before the second is touched"
    pool.give(40, 10)
    pool.give(0, 10)
    assert pool.take(8) == 40, "of two pieces of 10 the older one"
    assert pool.take(9) == 0
    assert pool.take(2) == 48, "the rest of the first split, not a longer piece"


def test_the_posted_sizes() -> None:
    assert (V1.pool_pages, V2.pool_pages) == (4084, 64)
    assert round(V1.pool_pages * PAGE_BYTES / (1 << 20), 2) == 15.95
    assert set(ALLOCATORS) >= {"nta-v1", "nta-v2"}
    pool = PagePool(16384, Watermarks.of(256, 16384))
    made = ALLOCATORS["nta-v1"](pool, 2, 1021 << 14)
    assert (made.pages, pool.free) == (8168, 16384 - 8168), "a machine of 64 MiB holds two pools"


@pytest.mark.parametrize(
    ("name", "memory_mib", "cpus", "pool_kib"),
    [
        ("nta-v1", 1024, 2, 16336),  # as posted
        ("nta-v1", 256, 2, 16336),
        ("nta-v1", 64, 2, 4096),  # an eighth of memory over both
        ("nta-v1", 64, 1, 8192),
        ("nta-v1", 12, 2, 768),
        ("nta-v1", 1, 64, 16),  # never less than a node
        ("nta-v2", 12, 2, 256),  # as posted
        ("nta-v2", 2, 2, 128),
    ],
)
def test_pools_are_in_proportion_to_memory_up_to_the_posted_size(
    name: str, memory_mib: int, cpus: int, pool_kib: int
) -> None:
    shape = {"nta-v1": V1, "nta-v2": V2}[name].scaled(memory_mib << 8, cpus)
    assert shape.pool_pages * 4 == pool_kib


def test_a_pool_of_an_asked_size_is_whole_nodes_and_at_least_one() -> None:
    assert V1.scaled(1, 2, 100_000).nodes == 6
    with pytest.raises(UsageError, match=r"pool of 16383 B does not hold one node of allocator 'nta-v1', 16384 B"):
        V1.scaled(16384, 2, 16383)


@pytest.mark.parametrize(("name", "cpus"), [("nta-v1", 4), ("nta-v2", 4)])
def test_pools_that_memory_does_not_hold_are_refused_with_the_numbers(name: str, cpus: int) -> None:
    pool = PagePool(16384, Watermarks.of(256, 16384))
    with pytest.raises(UsageError, match=rf"'{name}'.* {cpus} CPUs, \d+ in all.*384.*16384 pages does not hold both"):
        ALLOCATORS[name](pool, cpus, 16 << 20)
    assert pool.free == 16384


def test_users_cannot_take_the_pool() -> None:
    nta = allocator()
    while nta.pool.take(0):
        pass
    assert len(fill(nta, 2048)) == 8, "no free page in the machine, and every byte of the pool is still there"


def test_strangers_can_take_all_of_it_and_free_memory_does_not_help_v1() -> None:
    nta = allocator()
    strangers = fill(nta, 2048)
    assert nta.pool.free > nta.pool.marks.high_pages
    assert take(nta, 64) is None
    nta.release(strangers[0])
    assert take(nta, 64) is not None


def test_v2_grows_by_records_down_to_the_callers_floor_and_never_shrinks() -> None:
    nta = allocator(NtaShape(name="small", unit_bytes=64, node_bytes=2 * PAGE_BYTES, nodes=1, grows=True), cpus=1)
    before = nta.pool.free
    chunks = [take(nta, PAGE_BYTES) for _ in range(3)]
    assert None not in chunks and before - nta.pool.free == 1 + GROWTH_PAGES_MAX, "one page describes eight"
    assert take(nta, PAGE_BYTES + 1) is None, "single pages serve no request above a page, however many"
    chunks += fill(nta, PAGE_BYTES, floor_pages=FLOOR)
    assert nta.pool.free == FLOOR, "the last record takes what there is"
    for chunk in chunks:
        assert chunk is not None
        nta.release(chunk)
    assert (nta.pool.free, nta.pages) == (FLOOR, 256 - FLOOR)


def test_a_record_without_a_data_page_is_given_back() -> None:
    nta = allocator(NtaShape(name="small", unit_bytes=64, node_bytes=PAGE_BYTES, nodes=1, grows=True), cpus=1)
    assert fill(nta, PAGE_BYTES, floor_pages=nta.pool.free - 1)
    free = nta.pool.free
    assert take(nta, 64, floor_pages=free - 1) is None and nta.pool.free == free


def test_a_free_on_another_cpu_comes_back_at_the_owners_next_free_not_at_its_next_allocation() -> None:
    nta = allocator()
    mine, theirs = fill(nta, 2048), take(nta, 2048, cpu=1)
    assert theirs is not None
    for chunk in mine[1:]:
        nta.release(chunk, cpu=1)
    assert take(nta, 2048) is None and take(nta, 2048) is None, "seven objects wait, an allocation does not look"
    nta.release(theirs, cpu=0)
    assert len(fill(nta, 2048)) == 7, "any free on the owner's CPU empties its list, even that of another's object"


def test_external_fragmentation_refuses_what_the_free_bytes_would_hold() -> None:
    nta = allocator(cpus=1)
    chunks = fill(nta, 512)
    for chunk in chunks[::2]:
        nta.release(chunk)
    assert len(chunks) // 2 * 512 == SMALL.nodes * SMALL.node_bytes // 2, "half of the pool is free"
    assert take(nta, 1024) is None
    nta.release(chunks[1])
    assert take(nta, 1024) is not None, "one more joins three pieces"


def test_heads_stay_in_slab_above_their_floor_whatever_the_pool_has() -> None:
    nta = allocator()
    head: Block | None = nta.head(FLOOR)
    assert head is not None and nta.pages == 2 * SMALL.pool_pages + 1
    nta.release(head, cpu=1)
    while nta.pool.take(FLOOR):
        pass
    assert nta.head(FLOOR, ALL_RESERVE) is None, "no reserve for heads, though the pool is empty of users"
    assert take(nta, 2048) is not None


def test_more_than_a_node_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="do not fit a node"):
        take(allocator(), SMALL.node_bytes + 1)


def test_stats_count_pools_and_heads_together() -> None:
    nta = allocator()
    head, mine, theirs = nta.head(0), take(nta, 1000), take(nta, 100, cpu=1)
    assert head is not None and mine is not None and theirs is not None
    stats = nta.stats()
    assert (stats.objects, stats.allocations, stats.releases) == (3, 3, 0)
    assert stats.asked_bytes == 256 + 1000 + 100
    assert stats.pages == nta.pages == stats.pool_pages + 1 == 9
    assert stats.pinned_pages == 3, "one slab page, and the first page of each CPU's first node"
    assert stats.free_bytes == 2 * 2 * SMALL.node_bytes - 1024 - 128
    nta.release(mine, cpu=1)
    stats = nta.stats()
    assert (stats.objects, stats.releases, stats.cross_cpu_releases) == (2, 1, 1)
    assert (stats.waiting, stats.waiting_bytes) == (1, 1024), "freed, and still of no use"
    nta.release(head)
    assert nta.stats().pages_returned == 1, "only slab returns pages"


def test_stats_tell_external_fragmentation() -> None:
    nta = allocator(cpus=1)
    assert nta.stats().fragmentation == 0.5, "two whole nodes: no request above a node"
    chunks = fill(nta, 512)
    assert nta.stats().fragmentation == 0, "nothing is free"
    for chunk in chunks[::2]:
        nta.release(chunk)
    stats = nta.stats()
    assert (stats.free_bytes, stats.largest_free_bytes) == (SMALL.nodes * SMALL.node_bytes // 2, 512)
    assert stats.fragmentation == 1 - 512 / stats.free_bytes and stats.pinned_pages == stats.pool_pages
    assert take(nta, 1024) is None and nta.stats().refused == 2, "fill's last, and this"
