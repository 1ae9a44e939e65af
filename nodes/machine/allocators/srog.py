"""SROG, "small related object group": what belongs to one packet shares pages with nothing else, which return at once.

Packets have it in an emergency alone (`fallback`); asked for everything it is a subject of the comparison of allocators.

Theory of operation. Data opens a group with a page of its own; the packet's head goes beside it, into the first free piece
of the group's pages that is long enough, or into a new page linked to the group. A page goes back to the pool the moment its
last object is freed, whatever lives in other groups. Objects too long for a page with its header are plain pages: in the
kernel the copies of written pages are fragments, which SROG never held.

Source: Zijlstra's patches of 12 August 2006, mm/srog.c as posted; physics.md section 6. SROG lived 13 days.
"""

from __future__ import annotations

from nodes.machine.allocators.base import NO_RESERVE, AllocatorStats, Block
from nodes.machine.allocators.slab import HEAD_BYTES
from nodes.machine.pages import PagePool
from nodes.units import PAGE_BYTES

PAGE_HEADER_BYTES = 48
"""Links, free-list head, order, mask, magic, on 64 bit (physics.md section 6; own sizing)."""
PREFIX_BYTES = 4
"""Length in front of every object."""
ALIGN_BYTES = 8
PIECE_BYTES_MIN = 16
"""The smallest free piece: less room goes to the object before it."""


class GroupPage:
    """A page of a group. `free` is its free list: (offset, length) in bytes."""

    __slots__ = ("free", "group", "marked", "objects", "owner", "pinned")

    def __init__(self, owner: SrogAllocator, group: list[GroupPage], marked: bool) -> None:
        self.owner = owner
        self.group = group
        """All pages of the packet, oldest first; this one among them."""
        self.marked = marked
        self.free: list[tuple[int, int]] = []
        self.objects = 0
        self.pinned = False
        """Counted as a page with room."""


class Piece:
    """An allocated object."""

    __slots__ = ("asked_bytes", "length", "marked", "offset", "page")

    def __init__(self, page: GroupPage, offset: int, length: int, asked_bytes: int) -> None:
        self.page, self.marked = page, page.marked
        self.offset = offset
        self.length = length
        """Prefix, padding and what was too short to stay free included."""
        self.asked_bytes = asked_bytes


def length_of(size_bytes: int) -> int:
    """Room that an object of `size_bytes` takes: prefix and alignment."""
    return max(-(-(PREFIX_BYTES + size_bytes) // ALIGN_BYTES) * ALIGN_BYTES, PIECE_BYTES_MIN)


def put_back(free: list[tuple[int, int]], offset: int, length: int) -> None:
    """Puts a piece at the front of a free list. As posted: the loop that was meant to keep the list sorted and to join
    neighbours stops at its first step, so a piece is joined with the list's first entry or with none; whether room grows
    together depends on the order of freeing (physics.md section 6, defects)."""
    if free:
        first_offset, first_length = free[0]
        if first_offset == offset + length:
            free[0] = offset, length + first_length
            return
        if first_offset + first_length == offset:
            free[0] = first_offset, first_length + length
            return
    free.insert(0, (offset, length))


class SrogAllocator:
    """One group per packet. `cpus` is of no interest: a group has no owner."""

    def __init__(self, pool: PagePool, cpus: int = 1) -> None:
        self.pool = pool
        self.pages = self.marked_pages = 0
        self.packets = 0
        """Groups that hold something."""
        self._asked_bytes = self._pinned_pages = self._allocations = self._releases = 0
        self._pages_returned = self._cross_cpu_releases = 0

    def head(self, floor_pages: int, reserve_pages_max: int = NO_RESERVE, beside: Block | None = None) -> Block | None:
        """See PacketAllocator. Without `beside` it opens a group of its own."""
        assert beside is None or isinstance(beside, Piece)
        return self._take(HEAD_BYTES, floor_pages, reserve_pages_max, beside.page.group if beside else [])

    def data(self, size_bytes: int, floor_pages: int, reserve_pages_max: int = NO_RESERVE) -> Block | None:
        """See PacketAllocator. More than a page is our mistake: the machine models no jumbo frames."""
        assert 0 < size_bytes <= PAGE_BYTES, f"{size_bytes} bytes of packet data do not fit a page"
        return self._take(size_bytes, floor_pages, reserve_pages_max, [])

    def opens(self, reserve_pages_max: int) -> bool:
        """See PacketAllocator."""
        return self.marked_pages < reserve_pages_max

    def data_pages(self, size_bytes: int) -> int:
        """See PacketAllocator. Data always opens a page of its own."""
        return 1

    def head_pages(self, data_bytes: int) -> int:
        """See PacketAllocator. None where it goes beside the data."""
        return 0 if length_of(data_bytes) + length_of(HEAD_BYTES) <= PAGE_BYTES - PAGE_HEADER_BYTES else 1

    def _take(self, size_bytes: int, floor_pages: int, reserve_pages_max: int, group: list[GroupPage]) -> Piece | None:
        """Room in the group comes first, and costs no page; marked room only for those who may use the reserve."""
        length = length_of(size_bytes)
        for page in group:
            if page.marked and not reserve_pages_max:
                continue
            for number, (_, free_bytes) in enumerate(page.free):
                if free_bytes >= length:
                    return self._cut(page, number, length, size_bytes)
        room = PAGE_BYTES - PAGE_HEADER_BYTES
        if length > room:
            return self._plain(size_bytes, floor_pages, reserve_pages_max, group)
        fresh = self._new_page(group, floor_pages, reserve_pages_max)
        if fresh is None:
            return None
        fresh.free.append((PAGE_HEADER_BYTES, room))
        return self._cut(fresh, 0, length, size_bytes)

    def _plain(self, size_bytes: int, floor_pages: int, reserve_pages_max: int, group: list[GroupPage]) -> Piece | None:
        """A page without a header, all of it one object."""
        fresh = self._new_page(group, floor_pages, reserve_pages_max)
        return self._counted(Piece(fresh, 0, PAGE_BYTES, size_bytes)) if fresh is not None else None

    def _new_page(self, group: list[GroupPage], floor_pages: int, reserve_pages_max: int) -> GroupPage | None:
        """The normal attempt; only when it fails does the reserve open (as in slab)."""
        if self.pool.take(floor_pages):
            marked = False
        elif self.marked_pages < reserve_pages_max and self.pool.take(0):
            marked = True
            self.marked_pages += 1
        else:
            return None
        self.pages += 1
        self.packets += not group
        page = GroupPage(self, group, marked)
        group.append(page)
        return page

    def _cut(self, page: GroupPage, number: int, length: int, size_bytes: int) -> Piece:
        """An object out of the front of free piece `number`."""
        offset, free_bytes = page.free[number]
        if free_bytes - length < PIECE_BYTES_MIN:
            length = free_bytes
            del page.free[number]
        else:
            page.free[number] = offset + length, free_bytes - length
        return self._counted(Piece(page, offset, length, size_bytes))

    def _counted(self, piece: Piece) -> Piece:
        page = piece.page
        page.objects += 1
        self._allocations += 1
        self._asked_bytes += piece.asked_bytes
        self._count_room(page)
        return piece

    def release(self, block: Block, cpu: int = 0) -> None:
        """See PacketAllocator."""
        assert isinstance(block, Piece)
        page = block.page
        page.objects -= 1
        self._releases += 1
        self._asked_bytes -= block.asked_bytes
        if cpu:
            self._cross_cpu_releases += 1
        if page.objects:
            put_back(page.free, block.offset, block.length)
            self._count_room(page)
            return
        self._pinned_pages -= page.pinned
        page.group.remove(page)
        self.packets -= not page.group
        self.pages -= 1
        self.marked_pages -= page.marked
        self._pages_returned += 1
        self.pool.give()

    def _count_room(self, page: GroupPage) -> None:
        pinned = bool(page.free)
        self._pinned_pages += pinned - page.pinned
        page.pinned = pinned

    def stats(self) -> AllocatorStats:
        """See PacketAllocator."""
        return AllocatorStats(
            objects=self._allocations - self._releases,
            pages=self.pages,
            asked_bytes=self._asked_bytes,
            pinned_pages=self._pinned_pages,
            allocations=self._allocations,
            releases=self._releases,
            pages_returned=self._pages_returned,
            cross_cpu_releases=self._cross_cpu_releases,
        )
