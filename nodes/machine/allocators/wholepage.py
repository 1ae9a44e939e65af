"""Emergency packets as they were from 25 August 2006: a whole page for the head and a whole page for the data.

Nothing shares a page, so there is nothing to sort or to join, and a page returns with its object. It is what was left of
SROG when its groups had gone: each object is a group of its own and has no header in its page.

Source: Zijlstra's patches of 25 August to 12 September 2006; physics.md section 6, PZ06c.
"""

from __future__ import annotations

from nodes.machine.allocators.base import NO_RESERVE, Block
from nodes.machine.allocators.slab import HEAD_BYTES
from nodes.machine.allocators.srog import SrogAllocator
from nodes.units import PAGE_BYTES


class WholePageAllocator(SrogAllocator):
    """A page an object; `packets` counts pages."""

    def head(self, floor_pages: int, reserve_pages_max: int = NO_RESERVE, beside: Block | None = None) -> Block | None:
        """See PacketAllocator. Never beside anything."""
        return self._plain(HEAD_BYTES, floor_pages, reserve_pages_max, [])

    def data(self, size_bytes: int, floor_pages: int, reserve_pages_max: int = NO_RESERVE) -> Block | None:
        """See PacketAllocator. More than a page fails in the patch too: no jumbo frames."""
        assert 0 < size_bytes <= PAGE_BYTES, f"{size_bytes} bytes of packet data do not fit a page"
        return self._plain(size_bytes, floor_pages, reserve_pages_max, [])

    def head_pages(self, data_bytes: int) -> int:
        """See PacketAllocator."""
        return 1
