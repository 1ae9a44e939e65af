"""An operator's connection: what it is told when something is not there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from brokers import Broker, until
from freeports import free_port

from controller.api import (
    CONTROLLER_STATUS,
    PROGRESS,
    REQUESTS,
    ControllerStatus,
    Progress,
    Reply,
    Request,
    Show,
    State,
)
from controller.bus.client import Client
from controller.bus.mqtt import MESSAGE_BYTES_MAX, REFUSED_TOLD_MAX, Bus
from nodes.agent.access import Broker as Address
from nodes.agent.access import Credentials, parse_broker, read_credentials
from nodes.agent.tasks import end
from nodes.errors import HarnessError, LackingError, UsageError


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.remove()


def operator(broker: Broker) -> Client:
    return Client(f"127.0.0.1:{broker.port}", read_credentials(broker.folder / "runs" / ".operator.json"))


@pytest.fixture
async def controller(broker: Broker) -> AsyncIterator[Bus]:
    """A controller that answers every request with an empty State."""
    status = ControllerStatus(state="online")
    bus = Bus(
        Address("127.0.0.1", broker.port),
        read_credentials(broker.folder / "controller" / "credentials.json"),
        "controller",
        hello=(CONTROLLER_STATUS, lambda: status),
        will=(CONTROLLER_STATUS, msgspec.structs.replace(status, state="offline")),
    )
    answers: set[asyncio.Task[None]] = set()

    def answer(where: str, request: Request) -> None:
        reply = Reply(id=request.id, answer=State(nodes=()))
        answers.add(asyncio.create_task(bus.publish(f"netreserve/controller/reply/{request.client}", reply)))

    bus.route(REQUESTS, Request, answer)
    async with bus:
        yield bus


async def test_a_question_is_answered(broker: Broker, controller: Bus) -> None:
    async with operator(broker) as client:
        assert await client.ask(Show()) == State(nodes=())


async def test_progress_arrives_in_order(broker: Broker, controller: Bus) -> None:
    async with operator(broker) as client:
        task = asyncio.create_task(_first(client, 5))
        await client.ask(Show())
        for number in range(5):
            progress = Progress(run="r", scenario="s", phase="warmup", elapsed_ns=number, expected_ns=9)
            await controller.publish(PROGRESS, progress)
        assert await asyncio.wait_for(task, 10) == [0, 1, 2, 3, 4]


async def _first(client: Client, count: int) -> list[int]:
    progress = client.progress()
    return [(await anext(progress)).elapsed_ns for _ in range(count)]


async def test_no_broker_is_told_in_one_line() -> None:
    port = free_port()
    with pytest.raises(LackingError, match=rf"^no broker answers at 127\.0\.0\.1:{port}: is the testbed up\?.*$"):
        async with Client(f"127.0.0.1:{port}", None):
            pass


@pytest.mark.parametrize("credentials", [None, Credentials(username="operator", password="wrong", source="a file")])
async def test_wrong_credentials_are_told(broker: Broker, credentials: Credentials | None) -> None:
    with pytest.raises(LackingError, match="refuses the credentials"):
        async with Client(f"127.0.0.1:{broker.port}", credentials):
            pass


async def test_a_broker_without_a_controller_is_told(broker: Broker) -> None:
    async with operator(broker) as client:
        with pytest.raises(LackingError, match="no controller is known"):
            await client.ask(Show())


async def test_a_controller_that_went_offline_is_told(broker: Broker, controller: Bus) -> None:
    await controller.__aexit__(None, None, None)
    async with operator(broker) as client:
        with pytest.raises(HarnessError, match="the controller is offline"):
            await client.ask(Show())


async def test_a_controller_that_does_not_answer_is_told(broker: Broker, controller: Bus) -> None:
    controller._routes.clear()
    async with operator(broker) as client:
        with pytest.raises(HarnessError, match=r"did not answer within 0\.3 s"):
            await client.ask(Show(), deadline_s=0.3)


async def test_a_message_published_while_the_broker_is_away_arrives_after_its_restart(
    broker: Broker, controller: Bus
) -> None:
    async with operator(broker) as client:
        await client.ask(Show())
        broker.stop()
        await until(lambda: not controller._connected.is_set())
        late = asyncio.create_task(controller.publish(CONTROLLER_STATUS, ControllerStatus(state="late"), retain=True))
        broker.start()
        await asyncio.wait_for(late, 10)
        await until(lambda: client.controller is not None and client.controller.state == "late")
        assert await asyncio.wait_for(_answered(client), 10)


async def _answered(client: Client) -> bool:
    while True:
        assert client.controller is not None
        client.controller = ControllerStatus(state="online", t_ns=time.time_ns())
        try:
            await client.ask(Show(), deadline_s=0.5)
            return True
        except HarnessError:
            continue


async def test_a_patient_bus_waits_for_its_broker(broker: Broker) -> None:
    broker.stop()
    bus = Bus(
        Address("127.0.0.1", broker.port),
        read_credentials(broker.folder / "controller" / "credentials.json"),
        "controller",
        patient=True,
    )
    entering = asyncio.create_task(bus.__aenter__())
    done, _ = await asyncio.wait({entering}, timeout=0.3)
    assert not done
    broker.start()
    await asyncio.wait_for(entering, 10)
    await bus.__aexit__(None, None, None)


async def test_a_connection_that_a_second_attempt_makes_is_nobodys_business(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("controller.bus.mqtt.CONNECT_TIMEOUT_S", 0.3)
    held: list[asyncio.StreamWriter] = []

    async def hold_the_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        if len(held) > 1:
            there = await asyncio.open_connection("127.0.0.1", broker.port)
            await asyncio.gather(_carry(reader, there[1]), _carry(there[0], writer))

    async with await asyncio.start_server(hold_the_first, "127.0.0.1", 0) as front:
        port = front.sockets[0].getsockname()[1]
        credentials = read_credentials(broker.folder / "runs" / ".operator.json")
        async with Client(f"127.0.0.1:{port}", credentials):
            assert len(held) == 2
        for writer in held:
            writer.close()
    assert capfd.readouterr().err == ""


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while octets := await reader.read(65_536):
        writer.write(octets)
    writer.close()


async def test_a_patient_bus_tells_of_a_broker_that_stays_away_once(capfd: pytest.CaptureFixture[str]) -> None:
    port, said = free_port(), ""

    def heard() -> str:
        nonlocal said
        said += capfd.readouterr().err
        return said

    bus = Bus(Address("127.0.0.1", port), None, "controller", patient=True)
    entering = asyncio.create_task(bus.__aenter__())
    await until(lambda: f"no broker answers at 127.0.0.1:{port}" in heard())
    assert not entering.done()
    assert bus._task is not None
    await end(bus._task, entering)
    assert heard().count("\n") == 1


def test_a_message_that_cannot_be_taken_costs_itself_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def hear(where: str, status: ControllerStatus) -> None:
        if status.version == "broken":
            raise KeyError("phase")
        heard.append(status)

    heard: list[ControllerStatus] = []
    bus = Bus(Address("127.0.0.1", 1), None, "x")
    bus.route(CONTROLLER_STATUS, ControllerStatus, hear)
    handler = bus._routes[0][3]
    nested = b'{"more": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    large = b'{"state": "' + b"x" * MESSAGE_BYTES_MAX + b'"}'
    absurd = [b'{"state": 7}', b"\xff", nested, large, b'{"state": "online", "version": "broken"}', b"{}", b"7"]
    for payload in absurd:
        bus._hand_over(handler, CONTROLLER_STATUS, payload)
    bus._hand_over(handler, CONTROLLER_STATUS, b'{"state": "online"}')
    assert heard == [ControllerStatus(state="online")]
    assert bus.refused == len(absurd)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == len(absurd)
    assert "RecursionError" in told[2]
    assert told[-1].endswith("(7 so far)")


def test_a_flood_of_messages_that_cannot_be_taken_fills_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    bus = Bus(Address("127.0.0.1", 1), None, "x")
    bus.route(CONTROLLER_STATUS, ControllerStatus, lambda where, status: None)
    for _ in range(1000):
        bus._hand_over(bus._routes[0][3], CONTROLLER_STATUS, b"no JSON")
    assert bus.refused == 1000
    assert capsys.readouterr().err.count("\n") == REFUSED_TOLD_MAX + 10


async def test_a_handler_that_raises_leaves_the_bus_hearing(broker: Broker, controller: Bus) -> None:
    def raise_always(where: str, request: Request) -> None:
        raise RuntimeError("out of order")

    controller.route(REQUESTS, Request, raise_always)
    controller._routes.reverse()  # it raises before the real one is asked
    async with operator(broker) as client:
        for _ in range(3):
            assert await client.ask(Show(), deadline_s=10) == State(nodes=())
    assert controller.refused == 3


async def test_publishing_has_a_deadline(broker: Broker, controller: Bus) -> None:
    broker.stop()
    try:
        await until(lambda: controller.ailment)
        with pytest.raises(
            HarnessError, match=rf"^the broker at 127\.0\.0\.1:{broker.port} took no message on .* 0\.2 s"
        ):
            await controller.publish(PROGRESS, ControllerStatus(state="online"), deadline_s=0.2)
    finally:
        broker.start()


async def test_a_bus_whose_task_ends_says_so(controller: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    async def break_down(client: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(controller, "_dispatch", break_down)
    assert controller._client is not None
    controller._client._disconnected.set_result(None)  # so that it connects anew
    with pytest.raises(
        HarnessError, match=r"^the connection to the broker at .* is over for good: RuntimeError: out of"
    ):
        await asyncio.wait_for(controller.over(), 10)
    assert controller.ailment


async def test_a_bus_whose_task_ends_before_it_was_connected_says_so(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(self: Bus) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(Bus, "_connect", break_down)
    with pytest.raises(HarnessError, match="RuntimeError: out of order"):
        await asyncio.wait_for(operator(broker).__aenter__(), 10)


def test_broker_addresses() -> None:
    assert parse_broker("broker") == Address("broker", 1883)
    assert str(parse_broker("10.0.0.1:99")) == "10.0.0.1:99"
    for bad in ("", ":1883", "broker:x", "broker:0", "broker:70000"):
        with pytest.raises(UsageError, match="is not a broker address"):
            parse_broker(bad)


def test_credentials_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(LackingError, match="is the testbed up"):
        read_credentials(tmp_path / "missing.json")
    (tmp_path / "bad.json").write_text('["x"]')
    with pytest.raises(LackingError, match="holds no credentials"):
        read_credentials(tmp_path / "bad.json")
