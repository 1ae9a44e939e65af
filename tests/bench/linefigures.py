"""(l): what a line of telemetry costs a guest, by sending many more of them.

Guests that differ in nothing swap a quarter apart on a busy machine (part k), so one guest is asked here, and in turn
sends as many lines as in a run and ten times as many. The module's poll of the control port, every 20 ms, is there
both times.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple

from figures import Figure
from guestfigures import AIM_COST, PRESSURE_S, STEADY_READ_PAGES
from slirpguests import NIC, Running, Setup, Storage, running, settings, setup, storage

from nodes.kernel.control import Control
from nodes.kernel.settings import PERIOD_MS

OFTEN_MS = 20
"""As often as the module can (POLL_MS in guest/module/main.c)."""
WINDOW_S = 5.0


class Window(NamedTuple):
    """What happened in WINDOW_S, a second."""

    pages: float
    """Swapped, in and out together, as nbdkit counts."""
    lines: float
    """Of telemetry that came."""


def lines(repeat: int = 30, kernel: str = "", nic: str = NIC) -> Iterator[Figure]:
    """(l) The part of its swapping that a guest loses to telemetry, from `repeat` pairs of windows."""
    given = setup(kernel, nic)
    pairs = asyncio.run(_pairs(given, repeat))
    costs = [_cost(usual, often) for usual, often in pairs]
    cost = statistics.median(costs)
    low, _, high = statistics.quantiles(costs * 2, n=4)  # twice: it asks for two at least
    slowed = statistics.median(often.pages / usual.pages for usual, often in pairs)
    yield Figure(
        part="l",
        name=f"swapping lost to a line of telemetry every {PERIOD_MS} ms",
        value=100 * cost,
        unit="%",
        aim=f"under {100 * AIM_COST:g} %",
        met=cost < AIM_COST,
        remark=f"half of {len(pairs)} pairs between {100 * low:.2f} and {100 * high:.2f} %;"
        f" with {statistics.median(often.lines for _, often in pairs):.0f} lines a second {slowed:.3f} of the pages;"
        f" {given.text}",
    )


def _cost(usual: Window, often: Window) -> float:
    """The share that the lines of `usual` take, each taking as much as one of those that `often` has more."""
    return (1 - often.pages / usual.pages) / (often.lines - usual.lines) * usual.lines


async def _pairs(given: Setup, repeat: int) -> list[tuple[Window, Window]]:
    """As in a run, and with more lines; every other pair the other way round."""
    found = []
    async with storage() as target, running(given, given.archive(), settings(target.port)) as guest:
        control = Control(guest.feed, given.accelerator.patience)
        await control.channel.open(guest.qemu.control)
        try:
            await guest.until(lambda: target.pages()[0] >= STEADY_READ_PAGES, "steady swapping", PRESSURE_S)
            for number in range(repeat):
                periods = (PERIOD_MS, OFTEN_MS) if number % 2 == 0 else (OFTEN_MS, PERIOD_MS)
                pair = {period: await _window(guest, target, control, period) for period in periods}
                found.append((pair[PERIOD_MS], pair[OFTEN_MS]))
        finally:
            control.channel.close()
    return found


async def _window(guest: Running, target: Storage, control: Control, period_ms: int) -> Window:
    await control.command("period_ms", period_ms)
    _taken(guest)
    before, start = sum(target.pages()), time.monotonic()
    await asyncio.sleep(WINDOW_S)
    took_s = time.monotonic() - start
    guest.check()
    now = Window((sum(target.pages()) - before) / took_s, _taken(guest) / took_s)
    if not 0.5 < now.lines * period_ms / 1000 < 2:
        raise RuntimeError(f"{now.lines:.0f} lines came a second, every {period_ms} ms one was asked for")
    return now


def _taken(guest: Running) -> int:
    """How many lines of telemetry have come since the last time."""
    return sum(map(len, iter(guest.feed.channel.take, [])))
