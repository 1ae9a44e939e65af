"""One broker for all tests of the agent (they use it one after the other), and an agent that can be started and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from agentarms import RecordingArm
from brokers import Broker, Ear, until

from nodes.agent.access import Broker as Address
from nodes.agent.bus import Bus
from nodes.agent.loop import Agent
from nodes.messages import topic


@pytest.fixture(scope="package")
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.remove()


@pytest.fixture
async def controller(broker: Broker) -> AsyncIterator[Ear]:
    """Hears everything and may publish `desired`; leaves nothing retained behind."""
    async with Ear(broker.client("controller", "controller"), "netreserve/#") as ear:
        yield ear
    async with broker.client("controller", "sweeper") as client:
        await client.publish(topic("target", "target-1", "desired"), b"", qos=1, retain=True)
    async with broker.client("target", "target-1") as client:
        for leaf in ("status", "reported"):
            await client.publish(topic("target", "target-1", leaf), b"", qos=1, retain=True)


@asynccontextmanager
async def agent_of(broker: Broker, arm: RecordingArm) -> AsyncIterator[Agent]:
    """A running agent, stopped cleanly at the end."""
    bus = Bus(Address("127.0.0.1", broker.port), broker.account("target"), "target", arm.node)
    agent = Agent("target", arm.node, arm, bus)
    stop = asyncio.Event()
    work = asyncio.create_task(agent.run(stop))
    try:
        await until(lambda: not agent.ailment() or arm.lack)
        yield agent
    finally:
        stop.set()
        await asyncio.wait_for(work, 10)


@pytest.fixture
def agent_with(broker: Broker):  # type: ignore[no-untyped-def]
    return lambda arm: agent_of(broker, arm)
