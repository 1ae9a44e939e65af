from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from brokers import until
from nbdclients import PAGE, NbdClient

from nodes.agent.tasks import end
from nodes.config import Shape, TargetSpec
from nodes.eventkinds import Harness
from nodes.messages import Desired, Event
from nodes.network.interfaces import Interface
from nodes.target.arm import TargetArm

MIB = 1 << 20


def wish(seq: int, run: str = "r1", shape: Shape | None = None, **spec: object) -> Desired:
    values = {"size_bytes": MIB} | spec
    return Desired(seq=seq, run=run, spec=TargetSpec(**values), shape=shape or Shape())  # type: ignore[arg-type]


async def test_a_wish_is_in_force_and_read_back(arm: TargetArm, port: int) -> None:
    assert arm.status().state == "online"
    assert arm.sample().state == "down"
    found = await arm.apply(wish(3, latency_ns=2_000_000, rate_bps=80_000_000))
    assert (found.seq, found.run, found.error) == (3, "r1", "")
    assert found.spec == TargetSpec(size_bytes=MIB, latency_ns=2_000_000, rate_bps=80_000_000)
    assert arm.sample().state == "serving"
    found = await arm.apply(wish(4, latency_ns=2_000_000, stalled=True))
    assert found.spec == TargetSpec(size_bytes=MIB, latency_ns=2_000_000, stalled=True)
    assert arm.sample().state == "stalled"


async def test_only_what_needs_it_costs_a_connection(arm: TargetArm, port: int) -> None:
    await arm.apply(wish(1))
    async with NbdClient(port) as client:
        await arm.apply(wish(2, rate_bps=10**9))
        await arm.apply(wish(3, run="r2"))
        assert await client.write(0, b"k" * PAGE) == 0, "a new run alone keeps connections"
        await arm.apply(wish(4, run="r2", size_bytes=2 * MIB))
    async with NbdClient(port) as client:
        assert await client.read(0) == b"k" * PAGE
        assert await client.write(511) == 0, "the disk has grown"


async def test_requests_are_counted_per_run(arm: TargetArm, port: int) -> None:
    await arm.apply(wish(1))
    async with NbdClient(port) as client:
        for page in range(40):
            await client.write(page)
        await until(lambda: arm.sample().requests_served == 40)
        await arm.apply(wish(2, run="r2"))
        assert arm.sample().requests_served == 0
        assert arm.sample().run == "r2"
        await client.write(0)
        await until(lambda: arm.sample().requests_served == 1)


async def test_losses_of_the_link_are_counted_per_run(arm: TargetArm, link: Any) -> None:
    await arm.apply(wish(1))
    link.lost = 7
    assert arm.sample().pump_drops == 7
    await arm.apply(wish(2, run="r2"))
    link.lost = 9
    assert arm.sample().pump_drops == 2


async def test_what_cannot_be_is_told_and_the_rest_is_done(arm: TargetArm) -> None:
    await arm.apply(wish(1))
    found = await arm.apply(wish(2, rate_bps=5_000_000, shape=Shape(rate_bps=9)))
    assert found.error == "this link has no rate" and found.exit_code > 0
    assert isinstance(found.spec, TargetSpec) and found.spec.rate_bps == 5_000_000
    found = await arm.apply(wish(3, size_bytes=1 << 50))
    assert "has room for" in found.error and found.spec is None
    good = await arm.apply(wish(4))
    assert (good.error, good.exit_code) == ("", 0)


async def test_a_dead_nbdkit_is_replaced_and_told(arm: TargetArm, port: int) -> None:
    events: list[Event] = []
    work = asyncio.create_task(arm.run(events.append))
    await arm.apply(wish(1, latency_ns=1_000_000))
    await arm.apply(wish(2, latency_ns=2_000_000))  # our own restart is not an event
    async with NbdClient(port) as client:
        await client.write(7, b"s" * PAGE)
    os.kill(arm._server.pid, signal.SIGKILL)
    await until(lambda: events)
    assert [event.kind for event in events] == ["harness"]
    told = events[0].detail
    assert isinstance(told, Harness) and told.void and told.harness, "nobody planned it"
    assert told.nbdkit_code == -signal.SIGKILL and told.restarted and not told.exit_code
    async with NbdClient(port) as client:
        assert await client.read(7) == b"s" * PAGE
    assert arm.sample().state == "serving"
    await end(work)


async def test_it_says_what_it_lacks(port: int) -> None:
    arm = TargetArm("target-1", Interface("lo", "127.0.0.1"), store=Path("/nowhere"), port=port)
    status = arm.status()
    assert status.state == "unable" and "/nowhere" in status.reason
