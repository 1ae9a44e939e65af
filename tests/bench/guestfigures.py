"""(i), (j), (k): figures of the kernel tier's guests: their boot, QEMU's memory, and what the module's telemetry costs.

Guests as nodes.kernel runs them (128 MiB, one CPU, 160 MiB working set), one at a time, on a machine that should be quiet.
Needs qemu-system-x86_64, nbdkit, a static C library and kernels ($NETRESERVE_KERNELS_DIR, or the image's /vm); no rights.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from figures import Figure
from msgspec.structs import replace
from slirpguests import MEMORY_BYTES, NIC, WORKING_SET_PAGES, Running, Setup, Storage, running, settings, setup, storage

from nodes.kernel import initramfs
from nodes.kernel.image import COMPILERS
from nodes.kernel.protocol import READY
from nodes.units import SECOND_NS

AIM_BOOT_S, AIM_MIB, AIM_COST = 4.0, 80, 0.03
SWAPPING_S, WINDOW_S = 10.0, 15.0
STEADY_READ_PAGES, PRESSURE_S = 8192, 240.0
"""Swapping is steady when so many pages have come back, the first pass being over; it must happen in so many seconds."""
KIB, MIB = 1 << 10, 1 << 20

_BARE = f"""
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>
int main(void)
{{
	static const char words[] = "{READY}\\n";
	mount("dev", "/dev", "devtmpfs", 0, 0);
	int console = open("/dev/console", O_WRONLY);
	(void)!write(console, words, sizeof words - 1);
	usleep(100000);	/* the console's last bytes */
	reboot(RB_POWER_OFF);
	for (;;) pause();
}}
"""
"""The peer of (i): all that is not boot is a line, and the line is init's last one, so that both are awaited alike."""


class Arm(NamedTuple):
    """A way to run the guest of (k)."""

    name: str
    module: bool = True
    options: str = ""


WITHOUT = Arm("without", module=False)
WITH = (Arm("module"), Arm("module without probes", options="probes=0"))


class Swapped(NamedTuple):
    """How the guest of (k) swapped, in and out together."""

    pages_per_s: float
    pages_per_cpu_s: float
    """CPU seconds of QEMU."""
    guest_share: float
    """What the guest counts itself, by what nbdkit does; 0 without the module."""


class Memory(NamedTuple):
    """QEMU's memory in bytes, beside the guest's RAM, and what of the RAM was resident."""

    rss: int
    anonymous: int
    ram: int


def boot(repeat: int = 5, kernel: str = "", nic: str = NIC) -> Iterator[Figure]:
    """(i) From power-on to READY (swap is on, sinks are open), beside the same QEMU and kernel with an init of one line."""
    given = setup(kernel, nic)
    pairs = asyncio.run(_boots(given, _bare_archive(), repeat))
    ours, bare = zip(*pairs, strict=True)
    own, peer = statistics.median(ours), statistics.median(bare)
    yield Figure(
        part="i",
        name=f"power-on to swap on, median of {repeat}",
        value=own,
        unit="s",
        aim=f"under {AIM_BOOT_S:g} s",
        met=own < AIM_BOOT_S,
        peer=peer,
        peer_name="bare boot",
        ratio=statistics.median(one / other for one, other in pairs),
        remark=f"{min(ours):.2f} to {max(ours):.2f} s; bare {min(bare):.2f} to {max(bare):.2f} s; {given.text}",
    )


async def _boots(given: Setup, bare: bytes, repeat: int) -> list[tuple[float, float]]:
    """Our boot and a bare one, in turn, seconds."""
    pairs = []
    async with storage() as target:
        for _ in range(repeat):
            async with running(given, given.archive(), settings(target.port)) as ours:
                own_s = ours.boot_s
            async with running(given, bare) as other:
                pairs.append((own_s, other.boot_s))
    return pairs


def _bare_archive() -> bytes:
    compiler = next(filter(shutil.which, COMPILERS), None)
    if compiler is None:
        raise RuntimeError("no C compiler for the bare init: install musl-tools, or gcc and libc6-dev")
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "bare.c", Path(folder) / "bare"
        source.write_text(_BARE)
        subprocess.run([compiler, "-static", "-Os", "-s", "-o", str(program), str(source)], check=True)
        return initramfs.archive([("dev", 0o40755, b""), ("init", 0o100755, program.read_bytes())])


def memory(repeat: int = 3, kernel: str = "", nic: str = NIC) -> Iterator[Figure]:
    """(j) QEMU's memory beside that of a guest that has touched all of its own and swapped for SWAPPING_S; the most of
    `repeat` guests."""
    given = setup(kernel, nic)
    found = [asyncio.run(_memory(given)) for _ in range(repeat)]
    ram_mib = min(each.ram for each in found) / MIB
    rss, anonymous = max(each.rss for each in found), max(each.anonymous for each in found)
    for name, bytes_, what in (
        ("anonymous", anonymous, ""),
        (
            "resident",
            rss,
            f"{(rss - anonymous) / MIB:.0f} MiB of it mapped files, which may be dropped and read again; ",
        ),
    ):
        yield Figure(
            part="j",
            name=f"QEMU's {name} memory above guest RAM",
            value=bytes_ / MIB,
            unit="MiB",
            aim=f"under {AIM_MIB} MiB",
            met=bytes_ < AIM_MIB * MIB,
            remark=f"{what}{ram_mib:.0f} of {MEMORY_BYTES / MIB:.0f} MiB of RAM resident; {given.text}",
        )


async def _memory(given: Setup) -> Memory:
    async with storage() as target, running(given, given.archive(), settings(target.port)) as guest:
        feed = guest.feed
        await guest.until(lambda: feed.newest.populated >= WORKING_SET_PAGES, "first pass", PRESSURE_S)
        before = feed.newest.swap_out
        await asyncio.sleep(SWAPPING_S)
        guest.check()
        if feed.newest.swap_out == before:
            raise RuntimeError("the guest does not swap")
        process = Path(f"/proc/{guest.qemu.pid}")
        return _beside_ram((process / "smaps_rollup").read_text(), (process / "smaps").read_text())


def _beside_ram(rollup: str, smaps: str) -> Memory:
    """The RAM is the one mapping of its very size: what of it is not resident must not hide what else is."""
    maps = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", smaps)
    ram = [each for each in maps if "\nSize:" in each and _bytes(each, "Size") == MEMORY_BYTES]
    if len(ram) != 1:
        raise RuntimeError(f"{len(ram)} mappings of QEMU have the size of the guest's RAM, 1 should")
    rss, anonymous = (_bytes(rollup, key) - _bytes(ram[0], key) for key in ("Rss", "Anonymous"))
    return Memory(rss, anonymous, _bytes(ram[0], "Rss"))


def _bytes(text: str, key: str) -> int:
    found = re.search(rf"^{key}: +(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"this kernel's smaps tells no {key}")
    return int(found[1]) * KIB


def telemetry(repeat: int = 3, kernel: str = "", nic: str = NIC) -> Iterator[Figure]:
    """(k) Swap pages a second that nbdkit counts, with and without the module, in turn, for WINDOW_S each; and what a page
    costs QEMU's processor, which other work on the machine disturbs less.

    Without the module init says once a second how far it is, a short line on the console: nobody else would.
    """
    given = setup(kernel, nic)
    found = asyncio.run(_swapping(given, repeat))
    for arm in WITH:
        agreed = statistics.median(each.guest_share for each in found[arm])
        yield _compared(
            f"swap with the {arm.name}",
            "pages/s",
            [each.pages_per_s for each in found[arm]],
            [each.pages_per_s for each in found[WITHOUT]],
            f"the guest counts {agreed:.2f} of what nbdkit does; {given.text}",
        )
        yield _compared(
            f"the same by QEMU's CPU time, with the {arm.name}",
            "pages/CPU s",
            [each.pages_per_cpu_s for each in found[arm]],
            [each.pages_per_cpu_s for each in found[WITHOUT]],
            given.text,
        )


def _compared(name: str, unit: str, ours: list[float], bare: list[float], remark: str) -> Figure:
    ratios = [own / other for own, other in zip(ours, bare, strict=True)]
    ratio, costs = statistics.median(ratios), [100 - 100 * ratio for ratio in ratios]
    spread = 100 * (max(bare) - min(bare)) / statistics.median(bare)
    pairs = f"{min(costs):.1f} to {max(costs):.1f} in {len(costs)} pairs"
    return Figure(
        part="k",
        name=name,
        value=statistics.median(ours),
        unit=unit,
        aim=f"{1 - AIM_COST:.2f} of without",
        met=ratio > 1 - AIM_COST,
        peer=statistics.median(bare),
        peer_name="without",
        ratio=ratio,
        remark=f"costs {100 - 100 * ratio:.1f} % ({pairs}); without varies by {spread:.0f} %; {remark}",
    )


async def _swapping(given: Setup, repeat: int) -> dict[Arm, list[Swapped]]:
    """Of each arm in each round; every other round goes backwards, so that a drift of the machine favours nobody."""
    found: dict[Arm, list[Swapped]] = {arm: [] for arm in (WITHOUT, *WITH)}
    for number in range(repeat):
        for arm in list(found) if number % 2 == 0 else reversed(list(found)):
            async with storage() as target:
                found[arm].append(await _swapped(given, arm, target))
    return found


async def _swapped(given: Setup, arm: Arm, target: Storage) -> Swapped:
    archive = given.archive(module=arm.module, options=arm.options)
    # without the module the socket is flagged, too: the kernel's NBD client does that itself (nbd_start_device)
    told = replace(settings(target.port), module=arm.module, memalloc=arm.module)
    async with running(given, archive, told) as guest:
        await guest.until(lambda: target.pages()[0] >= STEADY_READ_PAGES, "steady swapping", PRESSURE_S)
        first = _now(guest, target)
        await asyncio.sleep(WINDOW_S)
        last = _now(guest, target)
        guest.check()
        if arm.module != bool(guest.feed.heard_ns):
            raise RuntimeError(f"{arm.name}: telemetry {'came' if guest.feed.heard_ns else 'did not come'}")
        time_s, pages, own, cpu_s = (after - before for before, after in zip(first, last, strict=True))
        return Swapped(pages / time_s, pages / cpu_s, own / pages)


def _now(guest: Running, target: Storage) -> tuple[float, int, int, float]:
    """Time in s, pages that nbdkit and the guest count, and QEMU's processor time in s."""
    told = guest.feed.newest
    return time.monotonic(), sum(target.pages()), told.swap_in + told.swap_out, guest.qemu.usage()[1] / SECOND_NS
