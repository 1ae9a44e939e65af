"""What every packet allocator owes the machine, whatever its placement."""

from __future__ import annotations

from dataclasses import fields
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from nodes.machine.allocators import ALLOCATORS
from nodes.machine.allocators.base import AllocatorStats, Block, PacketAllocator
from nodes.machine.allocators.slab import HEAD_BYTES
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks
from nodes.units import PAGE_BYTES

PAGES, CPUS = 9000, 2
"""Room for two of the largest preallocated pools (physics.md section 7: 4083 pages a CPU)."""
LEFT_PAGES, FLOOR, RESERVE_MAX = 24, 4, 3
SIZES = st.sampled_from([1, 66, 512, 1000, 1024, 1536, 2048, 4044, 4045, PAGE_BYTES])


def under_pressure(name: str) -> tuple[PagePool, PacketAllocator]:
    """An allocator in a pool of which others have all but LEFT_PAGES."""
    pool = PagePool(PAGES, Watermarks.of(8, PAGES))
    allocator = ALLOCATORS[name](pool, CPUS, 0)
    while pool.free > LEFT_PAGES:
        pool.take(0)
    return pool, allocator


class Contract(RuleBasedStateMachine):
    """Random packets, whole and in part, freed on either CPU; others take and return pages in between."""

    name = "slab"

    @initialize()
    def begin(self) -> None:
        self.pool, self.allocator = under_pressure(self.name)
        self.others = self.pool.total - self.pool.free - self.allocator.pages
        self.live: list[tuple[Block, int]] = []
        self.before = self.allocator.stats()

    @rule(size=SIZES, entitled=st.booleans())
    def data(self, size: int, entitled: bool) -> None:
        self._keep(self.allocator.data(size, FLOOR, RESERVE_MAX * entitled), size, entitled)

    @rule(entitled=st.booleans())
    def lone_head(self, entitled: bool) -> None:
        self._keep(self.allocator.head(FLOOR, RESERVE_MAX * entitled), HEAD_BYTES, entitled)

    @rule(size=SIZES, entitled=st.booleans())
    def packet(self, size: int, entitled: bool) -> None:
        data = self.allocator.data(size, FLOOR, RESERVE_MAX * entitled)
        self._keep(data, size, entitled)
        if data is not None:
            self._keep(self.allocator.head(FLOOR, RESERVE_MAX * entitled, beside=data), HEAD_BYTES, entitled)

    def _keep(self, block: Block | None, size: int, entitled: bool) -> None:
        if block is None:
            return
        assert entitled or not block.marked, "the reserve was lent to somebody who may not use it"
        self.live.append((block, size))

    @precondition(lambda self: self.live)
    @rule(choice=st.integers(0, 1 << 30), cpu=st.integers(0, CPUS - 1))
    def release(self, choice: int, cpu: int) -> None:
        block, _ = self.live.pop(choice % len(self.live))
        self.allocator.release(block, cpu)

    @rule(pages=st.integers(-8, 8))
    def others_take_or_return(self, pages: int) -> None:
        while pages < 0 and self.others:
            self.pool.give()
            self.others -= 1
            pages += 1
        while pages > 0 and self.pool.take(FLOOR):
            self.others += 1
            pages -= 1

    @invariant()
    def every_page_is_somewhere(self) -> None:
        assert self.pool.free + self.allocator.pages + self.others == self.pool.total
        assert 0 <= self.allocator.marked_pages <= min(RESERVE_MAX, self.allocator.pages)

    @invariant()
    def the_figures_are_those_of_the_objects(self) -> None:
        stats = self.allocator.stats()
        assert stats.objects == len(self.live) == stats.allocations - stats.releases
        assert stats.asked_bytes == sum(size for _, size in self.live)
        assert 0 <= stats.pinned_pages <= stats.pages == self.allocator.pages
        assert stats.asked_bytes <= stats.pages * PAGE_BYTES
        for counter in ("allocations", "releases", "pages_returned", "cross_cpu_releases"):
            assert getattr(stats, counter) >= getattr(self.before, counter), counter
        self.before = stats

    @invariant()
    def marks_follow_pages(self) -> None:
        if not self.allocator.marked_pages:
            assert not any(block.marked for block, _ in self.live)

    def teardown(self) -> None:
        for block, _ in getattr(self, "live", []):
            self.allocator.release(block)
        if hasattr(self, "live"):
            self.live = []
            self.every_page_is_somewhere()
            assert self.allocator.stats().objects == self.allocator.stats().asked_bytes == 0


@pytest.mark.parametrize("name", ALLOCATORS)
def test_pages_are_conserved_and_counted(name: str) -> None:
    case = type(name, (Contract,), {"name": name})
    run_state_machine_as_test(case, settings=settings(max_examples=20, stateful_step_count=40, deadline=None))


@pytest.mark.parametrize("name", ALLOCATORS)
@given(sizes=st.lists(SIZES, max_size=30), order=st.randoms(use_true_random=False))
def test_the_order_of_release_does_not_matter_in_the_end(name: str, sizes: list[int], order: Random) -> None:
    ends = []
    for shuffled in (False, True):
        pool, allocator = under_pressure(name)
        blocks = [block for size in sizes if (block := allocator.data(size, FLOOR))]
        if shuffled:
            order.shuffle(blocks)
        for block in blocks:
            allocator.release(block)
        ends.append((pool.free, allocator.pages, allocator.stats().objects))
    assert ends[0] == ends[1]


def test_ratios_of_an_idle_allocator_are_zero() -> None:
    idle = {field.name: 0 for field in fields(AllocatorStats)}
    stats = AllocatorStats(**idle)
    assert (stats.overhead, stats.pages_per_release) == (0, 0)
    busy = AllocatorStats(**{**idle, "pages": 2, "asked_bytes": PAGE_BYTES, "releases": 4, "pages_returned": 1})
    assert (busy.overhead, busy.pages_per_release) == (2, 0.25)
