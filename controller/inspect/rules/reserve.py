"""The reserve below the min watermark: is it what the kernel itself would choose, and is it in proportion to memory?"""

from __future__ import annotations

from collections.abc import Iterator

from controller.inspect.facts import Machine, Memory
from controller.inspect.finding import Finding
from nodes.machine import minfree
from nodes.machine.minfree import SHARE_MOST

NOT_LOW = ("HighMem", "Movable", "Device")
"""Zones that a driver cannot use, and that the kernel's own formula leaves out."""
NEAR = 0.95
"""The kernel chooses at boot, before the memory of its initrd is free: a guest of 256 MiB had 2 % less than we reckon."""
PAGE = "howto/size-a-reserve.md"
PERSIST = "echo 'vm.min_free_kbytes={0}' > /etc/sysctl.d/90-min-free.conf"


def judge(machine: Machine) -> Iterator[Finding]:
    """Nothing where min_free_kbytes or the zones could not be read."""
    memory = machine.memory
    asked = memory.min_free_kib if memory.min_free_kib is not None else memory.min_kib
    least = default_kib(memory)
    if asked is None or least is None:
        return
    swap = any(store.use == "swap" for store in machine.networked)
    if asked < least * NEAR:
        yield Finding(
            rule="reserve-below-default",
            grade="grave" if swap else "caution",
            what=f"min_free_kbytes is {asked}: the kernel itself would choose {least}",
            why="receive buffers are taken from this reserve when memory is short; somebody made it smaller",
            do=(f"sysctl -w vm.min_free_kbytes={least}", PERSIST.format(least)),
            page=PAGE,
            source="mm/page_alloc.c calculate_min_free_kbytes; physics.md section 2",
        )
    elif memory.total_kib and asked > memory.total_kib * SHARE_MOST:
        yield Finding(
            rule="reserve-large",
            grade="caution",
            what=f"min_free_kbytes is {asked}, {asked / memory.total_kib:.0%} of memory",
            why="what is kept free nobody can use: programs meet the OOM killer sooner",
            do=(f"sysctl -w vm.min_free_kbytes={max(least, memory.total_kib // 20)}",),
            page=PAGE,
            source="Red Hat Enterprise Linux 6 Performance Tuning Guide, 5 to 10 %",
        )
    elif machine.networked:
        yield Finding(
            rule="reserve-default",
            grade="note",
            what=f"min_free_kbytes is {asked} (the kernel's own choice: {least})",
            why="no formula in use counts link rate, ring or sockets: how much is enough here only a trial tells",
            do=("netreserve inspect --answer",),
            page=PAGE,
            source="physics.md section 2",
        )
    yield from _boost(machine)


def default_kib(memory: Memory) -> int | None:
    """What the kernel would choose for this memory (transparent huge pages raise it at boot)."""
    low_kib = low_memory_kib(memory)
    return minfree.default_kib(low_kib) if low_kib else None


def low_memory_kib(memory: Memory) -> int:
    """Of the zones that a driver can use; 0 where none is known."""
    return sum(zone.managed for zone in memory.zones if not zone.name.startswith(NOT_LOW)) * memory.page_bytes >> 10


def _boost(machine: Machine) -> Iterator[Finding]:
    boosted = sum(zone.boost for zone in machine.memory.zones)
    if boosted and machine.networked:
        yield Finding(
            rule="reserve-boost",
            grade="note",
            what=f"the watermarks are boosted by {boosted * machine.memory.page_bytes >> 10} KiB now",
            why="the boost holds programs and writers back, and not receive buffers; recorded hangs had 2 to 8 MiB of it",
            do=("sysctl -w vm.watermark_boost_factor=0",),
            page=PAGE,
            source="mm/page_alloc.c zone_watermark_fast; physics.md section 0",
        )
