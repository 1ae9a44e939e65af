"""The page pool: a count of free pages, its watermarks, and nothing else.

Who holds the other pages is known to the holders; `checks.pages_conserved` adds them up.
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
        self.kswapd_wanted = False
        """Set by an allocation at or below low: the fast path's wake-up (physics.md section 2, slow path order)."""

    def take(self, floor_pages: int) -> bool:
        """One page, if more than `floor_pages` are free (__zone_watermark_ok fails at free <= floor)."""
        free = self.free
        if free <= self.marks.low_pages:
            self.kswapd_wanted = True
        if free <= floor_pages:
            return False
        self.free = free = free - 1
        if free < self.lowest:
            self.lowest = free
        return True

    def give(self, pages: int = 1) -> None:
        """Frees `pages`. Freeing more than were taken is our mistake."""
        self.free += pages
        assert self.free <= self.total, "more pages freed than taken"

    def forget_lowest(self) -> int:
        """The fewest free pages since the last call; starts the count again."""
        lowest, self.lowest = self.lowest, self.free
        return lowest
