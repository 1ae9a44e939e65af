"""Mem-Info of a kernel log (sysrq m, an allocation failure, an OOM kill): how far each zone is from what a packet needs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from nodes.frozen.lines import Message
from nodes.machine.watermarks import Watermarks
from nodes.units import PAGE_BYTES

PAGE_KB = PAGE_BYTES // 1024
_ZONE = re.compile(
    r"(?:Node (?P<node>\d+) )?(?P<name>DMA32|DMA|Normal|HighMem|Movable) free:\s*(?P<free>\d{1,15})kB\b(?P<rest>.*)"
)
_OLD_ZONE = re.compile(r"(?P<node>)Zone:(?P<name>\w+)\s+freepages:\s*(?P<free>\d{1,12})(?P<rest>.*)")
_VALUE = re.compile(r"\b(\w+):\s*(\d{1,15})kB")
_OLD_VALUE = re.compile(r"\b(\w+):\s*(\d{1,12})")
_RESERVE = re.compile(r"lowmem_reserve\[\]:(?P<pages>(?: \d{1,15})+)")
_BLOCKS = re.compile(r"(?:Node \d+ )?\w+: \d+\*(?P<kb>\d{1,5})kB ")
_NORMAL = 2
"""Index of ZONE_NORMAL on 64-bit machines, the highest zone a kernel allocation may take (include/linux/mmzone.h)."""
NOT_FOR_DRIVERS = ("HighMem", "Movable")
"""Zones that a driver's allocation never comes from (include/linux/gfp.h, GFP_ATOMIC)."""
_WHY = re.compile(
    r"page allocation failure|-order allocation failed|Show Memory|invoked oom-killer|page allocation stalls"
)
_FAILURE = "allocation fail"


class Zone(Struct, frozen=True):
    """A memory zone, in pages."""

    name: str
    free: int
    """Without pages of CMA areas: they are lent to movable data only, and a driver cannot have them (mm/page_alloc.c)."""
    min: int
    """With `boost` in it, as the kernel prints it."""
    low: int
    high: int
    boost: int = 0
    reserve: int = 0
    """lowmem_reserve against an allocation that could have come from ZONE_NORMAL."""
    cma: int = 0
    """Free pages of CMA areas."""

    @property
    def atomic_floor(self) -> int:
        """GFP_ATOMIC succeeds above it; such requests ignore the boost (physics.md section 2)."""
        return Watermarks(self.min - self.boost, self.low, self.high).atomic_floor + self.reserve

    @property
    def kernel_floor(self) -> int:
        """GFP_KERNEL succeeds above it."""
        return self.min + self.reserve


class Memory(Struct, frozen=True):
    """The last Mem-Info of a log."""

    zones: tuple[Zone, ...] = ()
    """Empty when there is no Mem-Info; zones whose line is torn are left out."""
    of_failure: bool = False
    """A failed allocation printed it: it was too little, whatever the marks say."""
    at_us: int | None = None
    page_kb: int = PAGE_KB
    """Of that machine."""


def zones(log: Iterable[Message]) -> tuple[Zone, ...]:
    """The zones of the last Mem-Info."""
    return memory(log).zones


def memory(log: Iterable[Message]) -> Memory:
    """The last Mem-Info, and what printed it."""
    found: dict[str, Zone] = {}
    page_kb, last, failed, of_failure, at_us = PAGE_KB, "", False, False, None
    for message in log:
        text = message.text
        if why := _WHY.search(text):
            failed = why[0].startswith("page allocation fail") or _FAILURE in why[0]
        if text.startswith(("Mem-Info:", "Mem-info:")):
            found, last, of_failure, at_us = {}, "", failed, message.at_us
        elif "free" in text and (line := _ZONE.match(text) or _OLD_ZONE.match(text)):
            zone = _zone(line)
            last = f"{line['node']} {line['name']}" if zone else ""
            if zone:
                found[last] = zone
                at_us = message.at_us if at_us is None else at_us
                of_failure = of_failure or failed
        elif last and (reserve := _RESERVE.match(text)):
            pages = [int(word) for word in reserve["pages"].split()]
            found[last] = _replaced(found[last], pages[min(_NORMAL, len(pages) - 1)])
            last = ""
        elif "*" in text and (blocks := _BLOCKS.match(text)):
            page_kb = max(1, int(blocks["kb"]))
    return Memory(tuple(_in_pages(zone, page_kb) for zone in found.values()), of_failure, at_us, page_kb)


def _zone(line: re.Match[str]) -> Zone | None:
    """In KiB as yet, except the reserve. Linux 2.4 counts in pages."""
    old = line.re is _OLD_ZONE
    scale = PAGE_KB if old else 1
    kb = {name: int(value) * scale for name, value in (_OLD_VALUE if old else _VALUE).findall(line["rest"])}
    if not {"min", "low", "high"} <= kb.keys():
        return None
    cma = min(kb.get("free_cma", 0), int(line["free"]) * scale)
    return Zone(
        line["name"], int(line["free"]) * scale - cma, kb["min"], kb["low"], kb["high"],
        min(kb.get("boost", 0), kb["min"]), cma=cma,
    )  # fmt: skip


def _replaced(zone: Zone, reserve: int) -> Zone:
    return Zone(zone.name, zone.free, zone.min, zone.low, zone.high, zone.boost, reserve, zone.cma)


def _in_pages(zone: Zone, page_kb: int) -> Zone:
    """Pages are larger on some machines: the smallest block in the list of free ones is one page."""
    free, least, low, high, boost, cma = (
        kb // page_kb for kb in (zone.free, zone.min, zone.low, zone.high, zone.boost, zone.cma)
    )
    return Zone(zone.name, free, least, low, high, boost, zone.reserve, cma)
