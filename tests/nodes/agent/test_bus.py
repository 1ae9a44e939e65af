from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from brokers import Broker, Ear, until
from freeports import free_port

from nodes.agent.access import Broker as Address
from nodes.agent.access import Credentials
from nodes.agent.bus import OUTBOX_MAX, Bus
from nodes.agent.tasks import end
from nodes.eventkinds import FaultSet
from nodes.messages import Event, Sample, topic


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[Bus]:
    task = asyncio.create_task(bus.run(lambda: (), lambda payload: None))
    try:
        yield bus
    finally:
        await end(task)


def bus_to(broker: Broker, node: str = "target-1") -> Bus:
    return Bus(Address("127.0.0.1", broker.port), broker.account("target"), "target", node)


def event(number: int) -> Event:
    return Event(t_ns=number, node="target-1", run="r", detail=FaultSet(fault="cut"))


async def test_events_before_the_connection_are_sent_in_order(broker: Broker, controller: Ear) -> None:
    bus = bus_to(broker)
    for number in range(20):
        bus.post("event", event(number))
    async with running(bus):
        await until(lambda: len(controller.of("event")) == 20)
    assert [one["t_ns"] for one in controller.of("event")] == list(range(20))


async def test_what_does_not_fit_the_outbox_is_told(broker: Broker, controller: Ear) -> None:
    bus = bus_to(broker)
    for number in range(OUTBOX_MAX + 3):
        bus.post("event", event(number))
    async with running(bus):
        await until(lambda: len(controller.of("event")) == OUTBOX_MAX + 1)
    told, *kept = controller.of("event")
    assert told["kind"] == "harness" and told["detail"]["messages_lost"] == 3
    assert "3 messages were lost" in told["detail"]["void"] and told["detail"]["harness"], "the run is void"
    assert kept[0]["t_ns"] == 3 and kept[-1]["t_ns"] == OUTBOX_MAX + 2, "the oldest went"


async def test_a_sample_is_not_kept(broker: Broker, controller: Ear) -> None:
    bus = bus_to(broker)
    await bus.publish_sample(Sample(t_ns=1, node="target-1", run=""))
    async with running(bus):
        await until(lambda: not bus.trouble)
        await bus.publish_sample(Sample(t_ns=2, node="target-1", run=""))
        await until(lambda: controller.of("sample"))
    assert [one["t_ns"] for one in controller.of("sample")] == [2]


async def test_trouble_is_named() -> None:
    port = free_port()
    async with running(Bus(Address("127.0.0.1", port), None, "target", "target-1")) as bus:
        await until(lambda: f"127.0.0.1:{port}" in bus.trouble)


async def test_wrong_credentials_are_named(broker: Broker) -> None:
    wrong = Credentials(username="target", password="wrong")
    async with running(Bus(Address("127.0.0.1", broker.port), wrong, "target", "target-1")) as bus:
        await until(lambda: "Not authorized" in bus.trouble)


async def test_farewell_waits_for_the_outbox(broker: Broker, controller: Ear) -> None:
    from nodes.messages import Status

    async with running(bus_to(broker)) as bus:
        await until(lambda: not bus.trouble)
        for number in range(50):
            bus.post("event", event(number))
        await bus.farewell(Status(node="target-1", role="target", state="offline"))
        await until(lambda: controller.of("status"))
        assert len(controller.of("event")) == 50
        assert controller.heard[-1][0] == topic("target", "target-1", "status")
