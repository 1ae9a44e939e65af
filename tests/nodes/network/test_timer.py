from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest_asyncio

from nodes.network.timer import PreciseTimer


class Alarm:
    """A timer, and the moments at which it called."""

    def __init__(self) -> None:
        self.calls_ns: list[int] = []
        self.called = asyncio.Event()
        self.timer = PreciseTimer(asyncio.get_running_loop(), self._call)

    async def call(self) -> int:
        """The moment of the next call."""
        async with asyncio.timeout(5):
            await self.called.wait()
        self.called.clear()
        return self.calls_ns[-1]

    def _call(self) -> None:
        self.calls_ns.append(time.monotonic_ns())
        self.called.set()


@pytest_asyncio.fixture
async def alarm() -> AsyncIterator[Alarm]:
    alarm = Alarm()
    yield alarm
    alarm.timer.close()


async def test_it_calls_once_and_never_before_its_deadline(alarm: Alarm) -> None:
    deadline_ns = time.monotonic_ns() + 5_000_000
    alarm.timer.arm(deadline_ns)
    assert await alarm.call() >= deadline_ns - 1_000_000  # the loop's own clock may be coarser
    alarm.timer.arm(time.monotonic_ns() + 5_000_000)
    await alarm.call()
    assert len(alarm.calls_ns) == 2


async def test_a_deadline_that_has_passed_calls_at_once_even_at_time_zero(alarm: Alarm) -> None:
    alarm.timer.arm(0)
    await alarm.call()
    alarm.timer.arm(0)
    await alarm.call()


async def test_arming_again_replaces_the_deadline(alarm: Alarm) -> None:
    alarm.timer.arm(time.monotonic_ns() + 3_600_000_000_000)
    alarm.timer.arm(time.monotonic_ns() + 1_000_000)
    await alarm.call()


async def test_disarmed_or_closed_it_stays_silent(alarm: Alarm) -> None:
    other = Alarm()
    alarm.timer.arm(time.monotonic_ns() + 1_000_000)
    alarm.timer.arm(None)
    other.timer.arm(time.monotonic_ns() + 1_000_000)
    other.timer.close()
    third = Alarm()
    third.timer.arm(time.monotonic_ns() + 20_000_000)
    await third.call()
    third.timer.close()
    assert alarm.calls_ns == other.calls_ns == []
