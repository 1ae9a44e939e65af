"""Watermarks of the page pool and how deep each class of request may dip below them. Pure arithmetic.

Source: physics.md section 2 (mm/page_alloc.c of Linux 6.1.192 and 6.12.117, which agree here).
"""

from __future__ import annotations

from nodes.errors import UsageError

SCALE_FACTOR = 10
"""vm.watermark_scale_factor: the gap between marks is at least this many ten-thousandths of the zone (default 10)."""


class Watermarks:
    """Marks of one zone, in pages, and the floor of each class: its requests succeed while free pages are *above* that.
    Not to be changed; `of` makes them."""

    __slots__ = ("atomic_floor", "half_floor", "high_pages", "kernel_floor", "low_pages", "memalloc_floor", "min_pages")

    def __init__(self, min_pages: int, low_pages: int, high_pages: int) -> None:
        self.min_pages, self.low_pages, self.high_pages = min_pages, low_pages, high_pages
        self.kernel_floor = min_pages
        """GFP_KERNEL, GFP_NOIO, GFP_HIGHUSER, GFP_NOWAIT: min."""
        self.half_floor = min_pages - min_pages // 2
        """__GFP_HIGH that may sleep, GFP_ATOMIC with __GFP_NOMEMALLOC, and the throttle of direct reclaim: 1/2 min."""
        self.atomic_floor = self.half_floor - self.half_floor // 4
        """GFP_ATOMIC: half, then a quarter of the rest off: 3/8 min."""
        self.memalloc_floor = 0
        """__GFP_MEMALLOC and PF_MEMALLOC: the whole reserve."""

    @classmethod
    def of(cls, min_pages: int, memory_pages: int) -> Watermarks:
        """Marks for `min_pages` in a pool of `memory_pages`: low = min + d, high = min + 2 d, d = max(min/4, scale factor).

        Raises UsageError when min < low < high < memory_pages does not hold; the message has all four values.
        """
        gap = max(min_pages // 4, memory_pages * SCALE_FACTOR // 10_000, 1)
        marks = cls(min_pages, min_pages + gap, min_pages + 2 * gap)
        if not min_pages > 0 or marks.high_pages >= memory_pages:
            raise UsageError(
                f"min {min_pages} < low {marks.low_pages} < high {marks.high_pages} < memory {memory_pages} pages does not"
                f" hold: the marks must leave room in memory"
            )
        return marks
