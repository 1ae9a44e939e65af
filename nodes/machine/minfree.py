"""What Linux itself asks of vm.min_free_kbytes: by its own choice at boot, for huge pages, and in its documentation.

All sizes are in KiB. *Low memory* is that of zones up to NORMAL, which is what receive buffers are taken from.
"""

from __future__ import annotations

from math import isqrt

DEFAULT_KIB = (128, 262_144)
"""calculate_min_free_kbytes clamps its choice to these (mm/page_alloc.c)."""
DOCUMENTED_KIB = 1024
"""Below this a system becomes "subtly broken, and prone to deadlock under high loads"
(Documentation/admin-guide/sysctl/vm.rst, min_free_kbytes)."""
SHARE_MOST = 0.10
"""Above 5 to 10 % of memory Red Hat warns: what is kept free nobody can use, and the OOM killer comes sooner (Enterprise
Linux 6, Performance Tuning Guide)."""
PAGEBLOCK_KIB = 2048
"""A huge page of x86-64, and of arm64 with pages of 4 KiB: so large are the blocks that are kept apart."""
BLOCKS_OF_A_ZONE = 2 + 3 * 3
"""Two, and one for each pair of the three kinds of page (mm/khugepaged.c set_recommended_min_free_kbytes)."""
HUGE_SHARE = 20
"""That raise stops at one part in so many of low memory."""
_X86_ZONES_KIB = (0, 16 << 10, 4 << 20)
"""Where DMA, DMA32 and NORMAL begin on x86-64 (arch/x86/mm/init.c)."""


def default_kib(low_kib: int) -> int:
    """The kernel's own choice at boot: floor(sqrt(16 x low memory)), clamped (physics.md section 2)."""
    least, most = DEFAULT_KIB
    return min(max(isqrt(16 * low_kib), least), most)


def huge_pages_kib(low_kib: int, zones: int) -> int:
    """To which the kernel raises a smaller value where transparent huge pages are not off (khugepaged starts): eleven blocks
    for each of `zones` up to NORMAL, and at most 5 % of low memory (physics.md section 2)."""
    return min(PAGEBLOCK_KIB * BLOCKS_OF_A_ZONE * zones, low_kib // HUGE_SHARE)


def x86_zones(memory_kib: int) -> int:
    """So many zones has an x86-64 machine. Others have as many or fewer, and keep less."""
    return sum(memory_kib > begin for begin in _X86_ZONES_KIB)
