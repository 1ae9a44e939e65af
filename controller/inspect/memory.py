"""Memory: sizes, zones with their marks, and the settings that make the marks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.inspect.facts import Memory, Sockets, Zone
from controller.inspect.tree import Tree, is_number
from nodes.units import PAGE_BYTES

ZONEINFO, MEMINFO = "/proc/zoneinfo", "/proc/meminfo"
HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled"
MARKS = ("free", "min", "low", "high", "present", "managed")
PAGES_KIB = ("4", "8", "16", "64")
"""Of all architectures but Hexagon and SuperH, which have larger ones as well (arch/*/Kconfig)."""
ZONES_SHARE = 0.9
"""The pages of all zones are at least MemTotal: much less means a torn file (own)."""


def read_memory(tree: Tree) -> Memory:
    """As /proc/meminfo, /proc/zoneinfo and /proc/sys/vm say."""
    sizes = _meminfo(tree)
    zones, page_bytes = tuple(_zones(tree)), _page_bytes(tree)
    total_kib = sizes.get("MemTotal")
    present_kib = sum(zone.present for zone in zones) * page_bytes >> 10
    if zones and total_kib and present_kib < total_kib * ZONES_SHARE:
        tree.blame(ZONEINFO, "torn")
    return Memory(
        total_kib=total_kib,
        available_kib=sizes.get("MemAvailable", sizes.get("MemFree")),
        swap_total_kib=sizes.get("SwapTotal"),
        zones=zones,
        min_free_kib=tree.number("/proc/sys/vm/min_free_kbytes", needed=True),
        watermark_scale=tree.number("/proc/sys/vm/watermark_scale_factor"),
        boost_factor=tree.number("/proc/sys/vm/watermark_boost_factor"),
        overcommit=tree.number("/proc/sys/vm/overcommit_memory"),
        huge_pages=_huge_pages(tree),
        page_bytes=page_bytes,
    )


def read_sockets(tree: Tree) -> Sockets:
    """The limits of what packets may hold, and what they hold."""
    held = {
        row[0].rstrip(":"): int(row[row.index("mem") + 1])
        for row in tree.rows("/proc/net/sockstat")
        if "mem" in row[:-1] and is_number(row[row.index("mem") + 1])
    }
    return Sockets(
        tcp_mem_pages=tuple(tree.numbers("/proc/sys/net/ipv4/tcp_mem")),
        udp_mem_pages=tuple(tree.numbers("/proc/sys/net/ipv4/udp_mem")),
        tcp_pages=held.get("TCP"),
        udp_pages=held.get("UDP"),
        rmem_max_bytes=tree.number("/proc/sys/net/core/rmem_max"),
    )


def _page_bytes(tree: Tree) -> int:
    """As the kernel of the live machine or its collector said; else of the process that copied /proc; else the usual one."""
    said = tree.word("/netreserve/page_kib")
    found = re.search(r"^KernelPageSize:\s+(\d{1,4}) kB", tree.text("/proc/self/smaps"), re.MULTILINE)
    kib = int(said) if said in PAGES_KIB else int(found[1]) if found and found[1] in PAGES_KIB else 0
    return kib << 10 or PAGE_BYTES


def _huge_pages(tree: Tree) -> bool | None:
    """The setting in force stands in brackets: `always [madvise] never`. A kernel without them has no such file."""
    words = tree.text(HUGE_PAGES).split()
    return "[never]" not in words if words else None


def _meminfo(tree: Tree) -> dict[str, int]:
    sizes = {
        row[0].rstrip(":"): int(row[1])
        for row in tree.rows(MEMINFO, needed=True)
        if len(row) >= 2 and row[0].endswith(":") and is_number(row[1])
    }
    if not {"MemTotal", "SwapTotal"} <= sizes.keys():
        tree.blame(MEMINFO, "garbled")
    return sizes


def _zones(tree: Tree) -> Iterator[Zone]:
    """A zone's marks are followed by its per-processor lists, which have lines of the same names: the first of each
    counts. Kernels before 3.8 call managed pages `present`; a zone without any is left out."""
    found: dict[str, int] = {}
    node, name = 0, ""
    seen = False
    for row in [*tree.rows(ZONEINFO, needed=True), ["Node", "0,", "zone", ""]]:
        if row[0] == "Node" and len(row) == 4:
            found.setdefault("managed", found.get("present", 0))
            if name and not found.keys() >= set(MARKS):
                tree.blame(ZONEINFO, "torn")
            elif name and found["managed"]:
                seen = True
                yield Zone(node=node, name=name, boost=found.get("boost", 0), **{key: found[key] for key in MARKS})
            node, name, found = int(row[1].rstrip(",") if is_number(row[1].rstrip(",")) else 0), row[3], {}
        elif name and len(row) >= 2 and is_number(row[-1]):
            found.setdefault(row[-2], int(row[-1]))
    if not seen:
        tree.blame(ZONEINFO, "garbled")
