"""Real sockets on loopback: read, or left alone, as the scenario says. Heads stand for what a pump would have judged."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from freeports import free_port, free_ports
from ippackets import tcp, udp

from nodes.config import MachineConfig, PolicySpec, Reader, Sink
from nodes.container.classify import FIN, RST, SYN
from nodes.container.flows import Flows
from nodes.container.http import RESPONSE
from nodes.container.sinks import Sinks
from nodes.errors import UsageError
from nodes.machine.events import SocketRead
from nodes.machine.machine import Machine

HOST = "127.0.0.1"
ACK = 0x10


class Yard:
    """Sinks in front of a real machine."""

    def __init__(self) -> None:
        self.machine = Machine(MachineConfig(), PolicySpec(name="memalloc"), 0)
        self.flows = Flows(self.machine)
        self.sinks = Sinks(HOST, self.flows, lambda socket: self.machine.handle(SocketRead(socket), 0))

    @property
    def held(self) -> int:
        return self.machine.stats(0).junk_held_bytes

    async def drained(self, condition: Callable[[], object], app_running: bool = True) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.sinks.drain(app_running)
                await asyncio.sleep(0.005)

    async def connect(self, port: int) -> tuple[socket.socket, tuple[str, int]]:
        """A client whose SYN has been judged before the sink accepts."""
        client = socket.socket()
        client.bind((HOST, 0))
        client.setblocking(False)
        own = client.getsockname()
        self.flows.judge(tcp(SYN, source=own, to=(HOST, port)), 0)
        await asyncio.get_running_loop().sock_connect(client, (HOST, port))
        return client, own


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    yard = Yard()
    yield yard
    yard.sinks.close()


@pytest.mark.parametrize(
    ("reader", "app_running", "read"),
    [("fast", False, True), ("app", True, True), ("app", False, False), ("stalled", True, False)],
)
async def test_who_reads_a_datagram_socket(yard: Yard, reader: Reader, app_running: bool, read: bool) -> None:
    port = free_port()
    yard.sinks.open(Sink(kind="udp", port=port, reader=reader))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(bytes(1400), (HOST, port))
    yard.flows.judge(udp(1400, to=(HOST, port)), 0)
    assert yard.held > 0
    yard.sinks.drain(app_running)
    assert (yard.held == 0) == read


async def test_an_application_that_runs_again_reads_what_waited(yard: Yard) -> None:
    port = free_port()
    yard.sinks.open(Sink(kind="udp", port=port, reader="app"))
    yard.flows.judge(udp(1400, to=(HOST, port)), 0)
    yard.sinks.drain(app_running=False)
    yard.sinks.drain(app_running=True)
    assert yard.held == 0


async def test_buffers_are_what_was_asked_and_read_back(yard: Yard) -> None:
    first = free_ports(3)[0]
    yard.sinks.open(Sink(kind="udp", port=first, sockets=3, rcvbuf_bytes=100_000))
    assert yard.sinks.rcvbufs == {first + at: 100_000 for at in range(3)}


async def test_a_stream_is_read_and_its_end_closes_the_flow(yard: Yard) -> None:
    port = free_port()
    yard.sinks.open(Sink(kind="tcp", port=port, reader="app"))
    client, own = await yard.connect(port)
    client.send(bytes(1000))
    yard.flows.judge(tcp(ACK, 1000, source=own, to=(HOST, port)), 0)
    assert yard.held > 0
    await yard.drained(lambda: not yard.held)
    client.close()
    yard.flows.judge(tcp(ACK | FIN, source=own, to=(HOST, port)), 0)
    await yard.drained(lambda: not yard.machine.receiver.sockets)


async def test_a_stalled_stream_keeps_its_bytes_until_it_is_reset(yard: Yard) -> None:
    port = free_port()
    yard.sinks.open(Sink(kind="tcp", port=port, reader="stalled"))
    client, own = await yard.connect(port)
    yard.flows.judge(tcp(ACK, 1000, source=own, to=(HOST, port)), 0)
    await asyncio.sleep(0)
    yard.sinks.drain(app_running=True)
    assert yard.held > 0
    yard.flows.judge(tcp(RST, source=own, to=(HOST, port)), 0)
    yard.sinks.drain(app_running=True)
    assert yard.held == 0
    client.close()


async def test_http_is_answered_once_it_is_read(yard: Yard) -> None:
    port = free_port()
    yard.sinks.open(Sink(kind="http", port=port, reader="app"))
    client, own = await yard.connect(port)
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    yard.flows.judge(tcp(ACK, 18, source=own, to=(HOST, port)), 0)
    await asyncio.sleep(0.02)
    yard.sinks.drain(app_running=False)
    with pytest.raises(BlockingIOError):
        client.recv(100)
    answer = bytearray()

    def answered() -> bool:
        with contextlib.suppress(BlockingIOError):
            answer.extend(client.recv(1000))
        return bytes(answer) == RESPONSE

    await yard.drained(answered)
    client.close()


async def test_sinks_that_are_closed_give_everything_back_and_can_be_opened_anew(yard: Yard) -> None:
    udp_port, tcp_port = free_ports(2)
    sinks = [Sink(kind="udp", port=udp_port, reader="stalled"), Sink(kind="tcp", port=tcp_port, reader="stalled")]
    for _ in range(2):
        for sink in sinks:
            yard.sinks.open(sink)
        client, own = await yard.connect(tcp_port)
        yard.flows.judge(tcp(ACK, 1000, source=own, to=(HOST, tcp_port)), 0)
        yard.flows.judge(udp(1400, to=(HOST, udp_port)), 0)
        yard.sinks.drain(app_running=True)
        assert yard.held > 0
        yard.sinks.close()
        assert (yard.held, yard.machine.receiver.sockets) == (0, {})
        yard.flows.judge(udp(1400, to=(HOST, udp_port)), 0)
        assert yard.held == 0, "nobody is there any more"
        client.close()


async def test_a_taken_port_is_named(yard: Yard) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf"no udp sink on {HOST}:{port}: Address already in use"):
            yard.sinks.open(Sink(kind="udp", port=port))


async def test_ports_past_the_last_are_named(yard: Yard) -> None:
    with pytest.raises(UsageError, match="ports end at 65535"):
        yard.sinks.open(Sink(kind="udp", port=65_535, sockets=2))
