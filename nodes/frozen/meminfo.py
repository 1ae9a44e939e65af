"""Mem-Info of a kernel log (sysrq m, an allocation failure, an OOM kill): how far each zone is from what a packet needs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from nodes.frozen.printk import Message
from nodes.machine.watermarks import Watermarks
from nodes.units import PAGE_BYTES

PAGE_KB = PAGE_BYTES // 1024
_ZONE = re.compile(
    r"^(?:Node (?P<node>\d+) )?(?P<name>DMA32|DMA|Normal|HighMem|Movable) free:(?P<free>\d{1,15})kB\b(?P<rest>.*)"
)
_VALUE = re.compile(r"\b(\w+):(\d{1,15})kB")
_RESERVE = re.compile(r"^lowmem_reserve\[\]:(?P<pages>(?: \d{1,15})+)")
_NORMAL = 2
"""Index of ZONE_NORMAL on 64-bit machines, the highest zone a kernel allocation may take (include/linux/mmzone.h)."""


class Zone(Struct, frozen=True):
    """A memory zone, in pages."""

    name: str
    free: int
    min: int
    """With `boost` in it, as the kernel prints it."""
    low: int
    high: int
    boost: int = 0
    reserve: int = 0
    """lowmem_reserve against an allocation that could have come from ZONE_NORMAL."""

    @property
    def atomic_floor(self) -> int:
        """GFP_ATOMIC succeeds above it; such requests ignore the boost (physics.md section 2)."""
        return Watermarks(self.min - self.boost, self.low, self.high).atomic_floor + self.reserve

    @property
    def kernel_floor(self) -> int:
        """GFP_KERNEL succeeds above it."""
        return self.min + self.reserve


def zones(log: Iterable[Message]) -> tuple[Zone, ...]:
    """The zones of the last Mem-Info; empty when there is none. Zones whose line is torn are left out."""
    found: dict[str, Zone] = {}
    last = ""
    for message in log:
        if "Mem-Info:" in message.text:
            found, last = {}, ""
        elif line := _ZONE.match(message.text):
            zone = _zone(line)
            last = f"{line['node']} {line['name']}" if zone else ""
            if zone:
                found[last] = zone
        elif last and (reserve := _RESERVE.match(message.text)):
            pages = [int(word) for word in reserve["pages"].split()]
            zone = found[last]
            found[last] = Zone(
                zone.name, zone.free, zone.min, zone.low, zone.high, zone.boost, pages[min(_NORMAL, len(pages) - 1)]
            )
            last = ""
    return tuple(found.values())


def _zone(line: re.Match[str]) -> Zone | None:
    kb = {name: int(value) for name, value in _VALUE.findall(line["rest"])}
    if not {"min", "low", "high"} <= kb.keys():
        return None
    min_kb, low_kb, high_kb, boost_kb = (kb.get(name, 0) for name in ("min", "low", "high", "boost"))
    return Zone(
        line["name"], int(line["free"]) // PAGE_KB, min_kb // PAGE_KB, low_kb // PAGE_KB, high_kb // PAGE_KB,
        min(boost_kb, min_kb) // PAGE_KB,
    )  # fmt: skip
