"""The page pool: a count of free pages, its watermarks, and nothing else.

The boost of the marks (vm.watermark_boost_factor, since 5.0) comes where a kernel takes a page for what cannot be moved
out of a block of pages that can (try_to_steal_block: mm/page_alloc.c of 6.12). The model knows no blocks. It raises the
marks, at once by all that the scenario says, when anything but the application takes a page at or below low: memory is full
of its pages then (own simplification; recorded hangs had 2 to 7.6 MiB of boost).
"""

from __future__ import annotations

from nodes.machine.watermarks import Watermarks


class PagePool:
    """`total` pages, all free at first. `take` and `give` are order-0 only (the testbed models no fragmentation)."""

    def __init__(self, total_pages: int, marks: Watermarks) -> None:
        assert 0 < marks.min_pages < marks.high_pages < total_pages
        self.total = total_pages
        self.free = total_pages
        self.marks = marks
        self.lowest = total_pages
        """Fewest free pages since `forget_lowest`."""
        self.boost_max_pages = 0
        """By so much the marks are raised once memory is fragmented."""
        self.kswapd_wanted = False
        """Set by an allocation at or below low: the fast path's wake-up (physics.md section 2, slow path order)."""

    def take(self, floor_pages: int) -> bool:
        """One page, if more than `floor_pages` are free (__zone_watermark_ok fails at free <= floor)."""
        free = self.free
        if free <= self.marks.low_pages:
            self.kswapd_wanted = True
        if free <= floor_pages:
            return False
        if self.boost_max_pages and free <= self.marks.low_pages and not self.marks.boost_pages:
            self.marks = self.marks.boosted(self.boost_max_pages)
        self.free = free = free - 1
        if free < self.lowest:
            self.lowest = free
        return True

    def take_movable(self, floor_pages: int) -> bool:
        """The same for a page of the application's: it lies among its like, so that nothing is fragmented by it."""
        boost_pages, self.boost_max_pages = self.boost_max_pages, 0
        taken = self.take(floor_pages)
        self.boost_max_pages = boost_pages
        return taken

    def calm(self) -> None:
        """kswapd has reached the high mark: it takes the boost back (balance_pgdat: mm/vmscan.c of 6.12)."""
        if self.marks.boost_pages:
            self.marks = self.marks.boosted(0)

    def give(self, pages: int = 1) -> None:
        """Frees `pages`. Freeing more than were taken is our mistake."""
        self.free += pages
        assert self.free <= self.total, "more pages freed than taken"

    def forget_lowest(self) -> int:
        """The fewest free pages since the last call; starts the count again."""
        lowest, self.lowest = self.lowest, self.free
        return lowest
