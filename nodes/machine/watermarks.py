"""Watermarks of the page pool and how deep each class of request may dip below them. Pure arithmetic.

Source: physics.md section 2 (mm/page_alloc.c of Linux 6.1.192 and 6.12.117, which agree here).
"""

from __future__ import annotations

from nodes.errors import UsageError

SCALE_FACTOR = 10
"""vm.watermark_scale_factor: the gap between marks is at least this many ten-thousandths of the zone (default 10)."""

PAGEBLOCK_PAGES = 512
"""2 MiB: pages of one migratetype (pageblock_nr_pages of x86 and arm64)."""


class Watermarks:
    """Marks of one zone, in pages, and the floor of each class: its requests succeed while free pages are *above* that.
    Not to be changed; `of` makes them.

    A boost raises all three marks (min_wmark_pages and its like: include/linux/mmzone.h of 6.12), and with them every floor
    but those of order-0 requests with __GFP_HIGH, which ignore it at min (zone_watermark_fast: mm/page_alloc.c of 6.12)."""

    __slots__ = (
        "atomic_floor", "boost_pages", "half_floor", "high_pages", "kernel_floor", "low_pages", "memalloc_floor",
        "min_pages", "throttle_floor",
    )  # fmt: skip

    def __init__(self, min_pages: int, low_pages: int, high_pages: int, boost_pages: int = 0) -> None:
        self.min_pages, self.low_pages, self.high_pages = min_pages, low_pages + boost_pages, high_pages + boost_pages
        self.boost_pages = boost_pages
        """By so much `low_pages`, `high_pages` and the floors are raised; `min_pages` is not."""
        self.kernel_floor = min_pages + boost_pages
        """GFP_KERNEL, GFP_NOIO, GFP_HIGHUSER, GFP_NOWAIT: min."""
        self.throttle_floor = self.kernel_floor // 2
        """The throttle of direct reclaim: 1/2 min (allow_direct_reclaim: mm/vmscan.c)."""
        self.half_floor = min_pages - min_pages // 2
        """__GFP_HIGH that may sleep, GFP_ATOMIC with __GFP_NOMEMALLOC: 1/2 min."""
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

    def boosted(self, boost_pages: int) -> Watermarks:
        """These marks, raised by so much and no more."""
        boost = self.boost_pages
        return Watermarks(self.min_pages, self.low_pages - boost, self.high_pages - boost, boost_pages)

    def boost_most_pages(self, memory_pages: int) -> int:
        """The most that a kernel makes of these marks, without their boost: 150 % of high, at least a pageblock
        (vm.watermark_boost_factor's default, 15000), and none at all in a zone of less than four (boost_watermark:
        mm/page_alloc.c of 6.12); and what leaves room in memory."""
        high = self.high_pages - self.boost_pages
        most = max(PAGEBLOCK_PAGES, high * 3 // 2) if memory_pages >= 4 * PAGEBLOCK_PAGES else 0
        return min(most, memory_pages - high - 1)

    def check_boost(self, boost_pages: int, memory_pages: int) -> None:
        """Raises UsageError for a boost that no kernel would make of these marks."""
        most = self.boost_most_pages(memory_pages)
        if boost_pages > most:
            raise UsageError(
                f"a boost of {boost_pages} pages is more than a kernel makes of a high mark of {self.high_pages} pages in"
                f" a memory of {memory_pages}: at most {most} are possible"
            )
