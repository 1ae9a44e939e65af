"""A real machine on real pages and a real file: it gets on under pressure, and damage is noticed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from nodes.config import MachineConfig, PolicySpec
from nodes.container.driver import Driver
from nodes.container.filedisk import FileDisk
from nodes.container.pages import Pages
from nodes.eventkinds import Corrupt, Detail
from nodes.machine.machine import Machine
from nodes.units import PAGE_BYTES

CONFIG = MachineConfig(memory_pages=1024, min_free_pages=32, working_set_pages=1536, touch_pages_per_s=0)


class Bench:
    """Machine, pages and file under one driver."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "swap"
        self.machine = Machine(CONFIG, PolicySpec(name="local"), time.monotonic_ns())
        self.pages = Pages(CONFIG.working_set_pages, CONFIG.memory_pages)
        self.disk = FileDisk(self.file, CONFIG.working_set_pages * PAGE_BYTES)
        self.events: list[Detail] = []
        self.driver = Driver(self.machine, self.pages, self.disk, 0, self.events.append)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        self.driver.close()
        await self.disk.close()
        self.pages.close()


async def test_a_working_set_larger_than_memory_goes_round_intact(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.driver.wake()
    await bench.until(lambda: bench.pages.verified > 2 * CONFIG.working_set_pages)
    stats = bench.machine.stats(time.monotonic_ns())
    assert bench.pages.corrupt == 0 and bench.events == []
    assert stats.swap_in_pages == bench.pages.verified and stats.swap_out_pages > 0
    assert bench.pages.resident_pages <= CONFIG.memory_pages
    await bench.close()


async def test_a_damaged_page_is_named(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.driver.wake()
    await bench.until(lambda: bench.pages.verified > 100)
    with bench.file.open("r+b") as file:
        for page in range(
            CONFIG.working_set_pages
        ):  # the whole file: which pages are in it now is the machine's affair
            os.pwrite(file.fileno(), b"\xff", page * PAGE_BYTES + 77)
    await bench.until(lambda: bench.events)
    told = bench.events[0]
    assert isinstance(told, Corrupt) and bench.pages.corrupt >= 1
    assert 0 <= told.pages[0] < CONFIG.working_set_pages
    await bench.close()


async def test_a_closed_driver_leaves_its_machine_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.driver.wake()
    await bench.until(lambda: bench.pages.verified)
    await bench.close()
    before = bench.machine.workload.progress_pages
    bench.driver.step()
    assert bench.machine.workload.progress_pages == before
