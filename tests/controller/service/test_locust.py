"""Locust's web API, against a server that answers as it does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import locusts
import pytest
from freeports import free_port
from standinlocust import StandInLocust

from controller.service.locust import Locust
from nodes.errors import HarnessError
from nodes.floods import Flood
from traffic.profiles import Aimed, parse_form

FLOOD = Aimed(flood=Flood(kind="udp", rate_pps=20_000, size_bytes=1400, sockets=4), port=9000)


@pytest.fixture
def server() -> Iterator[StandInLocust]:
    with StandInLocust() as server:
        yield server


async def test_a_flood_starts_and_stops(server: StandInLocust) -> None:
    async with Locust(server.url) as locust:
        assert not (await locust.state()).going
        await locust.start([FLOOD], ("198.18.1.11",), 30)
        state = await locust.state()
        assert (state.going, state.user_count, state.workers) == (True, 2, {"0", "1"})
        await locust.stop()
        assert not (await locust.state()).going
    swarm = parse_form(server.swarms[0])
    assert (swarm.floods, swarm.seconds, swarm.targets) == ((FLOOD,), 30, ("198.18.1.11",))
    assert server.resets == 1


async def test_the_real_locust_starts_stops_and_refuses() -> None:
    slow = Aimed(flood=Flood(kind="udp", rate_pps=100, size_bytes=64, sockets=1), port=free_port())
    with locusts.web() as url:
        async with Locust(url) as locust:
            await locust.start([slow], ("127.0.0.1",), 10)
            with pytest.raises(HarnessError, match="a flood is going on"):
                await locust.start([slow], ("127.0.0.1",), 10)
            await _until(locust, going=True)
            await locust.stop()
            await _until(locust, going=False)
            with pytest.raises(HarnessError, match="targets"):
                await locust.start([slow], (), 10)


async def _until(locust: Locust, *, going: bool) -> None:
    async with asyncio.timeout(10):  # Locust caches its state for 2 s
        while (await locust.state()).going != going:
            await asyncio.sleep(0.05)


async def test_a_refusal_carries_locusts_reason(server: StandInLocust) -> None:
    server.refusal = "a flood is going on"
    async with Locust(server.url) as locust:
        with pytest.raises(HarnessError, match="a flood is going on"):
            await locust.start([FLOOD], ("198.18.1.11",), 30)


async def test_nobody_there_is_told_in_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with Locust(url) as locust:
        with pytest.raises(HarnessError, match=f"^Locust does not answer at {url}: .+$"):
            await locust.state()


async def test_another_program_at_the_port_is_told(server: StandInLocust) -> None:
    server._stats = lambda: {"hello": "world"}  # type: ignore[method-assign]
    async with Locust(server.url) as locust:
        with pytest.raises(HarnessError, match="is it another program"):
            await locust.state()
