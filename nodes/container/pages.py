"""The application's pages as real anonymous memory, so that the cgroup sees what the machine says.

Every page of the working set has its place in one mapping; only pages in use have a frame behind them, and a discarded
page gives its frame back to the kernel. A second mapping stands for the rest of the pool (page tables, packet memory):
`follow` makes resident memory equal to what the machine has allocated.
"""

from __future__ import annotations

import mmap
import struct

from nodes.units import PAGE_BYTES

_STAMP = struct.Struct("<QQ")
_STAMPS = PAGE_BYTES // _STAMP.size


def pattern(page: int, generation: int) -> bytes:
    """What a page holds: its number and generation, over and over, so that any lost or foreign sector shows."""
    return _STAMP.pack(page, generation) * _STAMPS


class Pages:
    """Real memory for `working_set_pages` pages. Raises HarnessError-free MemoryError when the kernel maps no more."""

    def __init__(self, working_set_pages: int, memory_pages: int) -> None:
        self._arena = _anonymous(working_set_pages)
        self._view = memoryview(self._arena)
        self._backing = _anonymous(memory_pages)
        self._backed = 0
        self._resident = bytearray(working_set_pages)
        self.resident_pages = 0
        self.verified = 0
        self.corrupt = 0

    def write(self, page: int, generation: int) -> None:
        """Fills `page` with its pattern; it is resident afterwards."""
        self._occupy(page)
        start = page * PAGE_BYTES
        self._arena[start : start + PAGE_BYTES] = pattern(page, generation)

    def view(self, first: int, pages: int = 1) -> memoryview:
        """The bytes of `pages` pages from `first`, for I/O without a copy. They count as resident: I/O fills them."""
        for page in range(first, first + pages):
            self._occupy(page)
        return self._view[first * PAGE_BYTES : (first + pages) * PAGE_BYTES]

    def discard(self, page: int) -> None:
        """Gives the frame of `page` back; its content is gone."""
        if self._resident[page]:
            self._resident[page] = 0
            self.resident_pages -= 1
            self._arena.madvise(mmap.MADV_DONTNEED, page * PAGE_BYTES, PAGE_BYTES)

    def verify(self, page: int, generation: int) -> bool:
        """Whether `page` came back as it was written; counted either way."""
        start = page * PAGE_BYTES
        if self._arena[start : start + PAGE_BYTES] == pattern(page, generation):
            self.verified += 1
            return True
        self.corrupt += 1
        return False

    def follow(self, allocated_pages: int) -> None:
        """Makes resident pages equal `allocated_pages`, all that the machine's pool has handed out."""
        wanted = min(max(0, allocated_pages - self.resident_pages), len(self._backing) // PAGE_BYTES)
        for frame in range(self._backed, wanted):
            self._backing[frame * PAGE_BYTES] = 1
        if wanted < self._backed:
            self._backing.madvise(mmap.MADV_DONTNEED, wanted * PAGE_BYTES, (self._backed - wanted) * PAGE_BYTES)
        self._backed = wanted

    def close(self) -> None:
        """Gives all memory back. Views still in use elsewhere keep their mapping until they are dropped."""
        self._view.release()
        for mapping in (self._arena, self._backing):
            try:
                mapping.close()
            except BufferError:  # a request of a lost connection still points into it; the last reference unmaps it
                mapping.madvise(mmap.MADV_DONTNEED)

    def _occupy(self, page: int) -> None:
        if not self._resident[page]:
            self._resident[page] = 1
            self.resident_pages += 1


def _anonymous(pages: int) -> mmap.mmap:
    mapping = mmap.mmap(-1, pages * PAGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    mapping.madvise(mmap.MADV_NOHUGEPAGE)  # a huge page would make 512 pages resident for one
    return mapping
