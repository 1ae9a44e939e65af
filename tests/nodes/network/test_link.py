"""A whole link between two namespaces: what is asked, what is in force, and what packets say of it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from random import Random
from typing import Any

import netspaces
import pytest
from netspaces import LEFT, RIGHT, Remote
from requirements import require_net_admin

from nodes.config import OPEN_LINK, Shape
from nodes.errors import HarnessError, LackingError, NetreserveError, UsageError
from nodes.network import steer
from nodes.network.link import Link, check, merge
from nodes.network.nfqueue import Queue
from nodes.network.probe import rtt_ns_p50

PORT = 9100
RELAY = 11
MS = 1_000_000


@pytest.mark.parametrize(
    "shape",
    [Shape(rate_bps=1), Shape(rate_bps=10**12), Shape(reorder_ratio=0.1), Shape(reorder_ratio=0.1, jitter_ns=5)],
)
def test_contradictions_are_refused(shape: Shape) -> None:
    with pytest.raises(UsageError):
        check(merge(OPEN_LINK, shape))


def test_a_request_changes_only_what_it_names() -> None:
    base = merge(OPEN_LINK, Shape(delay_ns=5, loss_ratio=0.5))
    assert merge(base, Shape(delay_ns=0, cut=True)) == merge(OPEN_LINK, Shape(loss_ratio=0.5, cut=True))


# ---- a node: a process in a namespace of its own, with a link, a TCP listener and a UDP echo, which does what it is asked


def serve(connection: Connection, interface: str) -> None:
    asyncio.run(_serve(connection, Link(interface, Random(1), relay_number=RELAY)))


async def _serve(connection: Connection, link: Link) -> None:
    loop, questions = asyncio.get_running_loop(), asyncio.Queue[Any]()
    loop.add_reader(connection.fileno(), lambda: questions.put_nowait(connection.recv()))
    server = await asyncio.start_server(_swallow, port=PORT)
    await loop.create_datagram_endpoint(Echo, local_addr=("0.0.0.0", PORT))
    while (question := await questions.get()) is not None:
        try:
            connection.send(await _answer(link, question))
        except NetreserveError as error:
            connection.send((type(error), str(error)))
    await link.close()
    server.close()


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1 << 20):
        pass
    writer.close()


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


async def _answer(link: Link, question: Any) -> Any:
    match question:
        case Shape():
            return await link.apply(question)
        case "rules":
            return await steer.installed()
        case "state":
            return link.shape, link.means, link.dropped()
        case "rtt", address, deadline_s:
            return await rtt_ns_p50(address, PORT, count=9, deadline_s=deadline_s)
        case "stream", address, size_bytes:
            return await asyncio.to_thread(_stream_s, address, size_bytes)
        case "echoes", address, count:
            return await asyncio.to_thread(_echoes, address, count)
    raise AssertionError(question)


def _stream_s(address: str, size_bytes: int) -> float:
    """Seconds until the other side has taken `size_bytes` and closed."""
    start_s = time.monotonic()
    with socket.create_connection((address, PORT), timeout=10) as sock:
        sock.sendall(bytes(size_bytes))
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    return time.monotonic() - start_s


def _echoes(address: str, count: int) -> list[int]:
    """Which of `count` datagrams come back, in order of arrival, after at most a quarter of a second of silence."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect((address, PORT))
        sock.settimeout(0.25)
        for number in range(count):
            sock.send(number.to_bytes(4, "big"))
        answers = []
        with suppress(TimeoutError):
            while len(answers) < count:
                answers.append(int.from_bytes(sock.recv(16), "big"))
        return answers


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Remote, Remote]]:
    require_net_admin()
    with (
        netspaces.pair() as (left, right),
        Remote(left, lambda connection: serve(connection, "left")) as one,
        Remote(right, lambda connection: serve(connection, "right")) as other,
    ):
        yield one, other


@pytest.fixture
def nodes(both: tuple[Remote, Remote]) -> Iterator[tuple[Remote, Remote]]:
    """Two nodes with open links; also afterwards, when nothing may be left in the kernel."""
    assert [node.ask(OPEN_LINK) for node in both] == [(OPEN_LINK, {})] * 2
    yield both
    assert [node.ask(OPEN_LINK) for node in both] == [(OPEN_LINK, {})] * 2
    assert [node.ask("rules") for node in both] == [[], []]


@pytest.mark.net_admin
def test_a_round_trip_grows_by_twice_the_delay_and_only_while_asked(nodes: tuple[Remote, Remote]) -> None:
    one, other = nodes
    delay = Shape(delay_ns=10 * MS)
    for node in nodes:
        shape, means = node.ask(delay)
        assert shape == merge(OPEN_LINK, delay)
        assert means in ({"delay": "netem"}, {"delay": "nfqueue hold"})
    rtts = [node.ask(("rtt", address, 5)) for node, address in ((one, RIGHT), (other, LEFT)) * 3]
    print("round trips with 10 ms each way:", [f"{rtt / MS:.2f} ms" for rtt in rtts])
    # Never too early; a busy machine may now and then be late.
    assert min(rtts) >= 20 * MS
    assert min(rtts[0::2]) <= 25 * MS and min(rtts[1::2]) <= 25 * MS
    for node in nodes:
        assert node.ask(Shape(delay_ns=0)) == (OPEN_LINK, {})
    assert one.ask(("rtt", RIGHT, 5)) < 5 * MS


@pytest.mark.net_admin
def test_a_cut_stops_both_directions_and_heals(nodes: tuple[Remote, Remote]) -> None:
    one, other = nodes
    shape, means = one.ask(Shape(cut=True))
    assert shape.cut and means == {"cut": "iptables"}
    assert one.ask(("rtt", RIGHT, 0.2)) == (HarnessError, f"9 connects to {RIGHT}:{PORT} took more than 0.2 s")
    assert other.ask(("rtt", LEFT, 0.2))[0] is HarnessError
    assert one.ask(Shape(cut=False)) == (OPEN_LINK, {})
    assert one.ask(("rtt", RIGHT, 5)) < 5 * MS


@pytest.mark.net_admin
def test_loss_loses_its_share_and_a_delay_beside_it_stays(nodes: tuple[Remote, Remote]) -> None:
    one, other = nodes
    one.ask(Shape(delay_ns=5 * MS))
    shape, means = one.ask(Shape(loss_ratio=0.25))
    assert shape.loss_ratio == pytest.approx(0.25) and set(means) == {"delay", "loss"}
    answers = other.ask(("echoes", LEFT, 200))
    assert answers == sorted(answers)  # equal delays keep the order
    assert 120 <= len(answers) <= 180  # 150 expected; five standard deviations
    assert one.ask("state")[2] == 0


@pytest.mark.net_admin
def test_reordered_packets_overtake(nodes: tuple[Remote, Remote]) -> None:
    one, other = nodes
    one.ask(Shape(delay_ns=20 * MS, reorder_ratio=0.25))
    answers = other.ask(("echoes", LEFT, 100))
    assert sorted(answers) == list(range(100))
    assert answers != sorted(answers)


@pytest.mark.net_admin
def test_the_rate_holds_for_what_the_node_sends(nodes: tuple[Remote, Remote]) -> None:
    one, other = nodes
    shape, means = one.ask(Shape(rate_bps=40_000_000))
    assert shape.rate_bps == 40_000_000 and means in ({"rate": "netem"}, {"rate": "tbf"})
    sent_s, received_s = one.ask(("stream", RIGHT, 2_000_000)), other.ask(("stream", LEFT, 2_000_000))
    print(f"2 MB at 40 Mbit/s: sent in {sent_s:.3f} s, received in {received_s:.3f} s")
    assert 0.4 <= sent_s < 0.8  # 0.4 s for the payload alone
    assert received_s < 0.3


@pytest.mark.net_admin
def test_what_the_kernel_cannot_do_is_refused_and_nothing_changes(nodes: tuple[Remote, Remote]) -> None:
    one, _ = nodes
    before = one.ask(Shape(delay_ns=MS))
    answer = one.ask(Shape(duplicate_ratio=0.1, delay_ns=5 * MS))
    if before[1]["delay"] == "netem":
        assert answer[1]["duplicate"] == "netem"
        return
    assert answer == (LackingError, "duplicate needs netem, which this kernel lacks (CONFIG_NET_SCH_NETEM)")
    assert one.ask("state")[:2] == before


def take_the_relays_queue(connection: Connection) -> None:
    with Queue(RELAY):
        connection.send("taken")
        connection.recv()


@pytest.mark.net_admin
def test_a_delay_that_cannot_be_held_is_not_said_to_be_in_force() -> None:
    with (
        netspaces.pair() as (left, _),
        Remote(left, take_the_relays_queue) as holder,
        Remote(left, lambda connection: serve(connection, "left")) as node,
    ):
        assert holder.answer() == "taken"
        answer = node.ask(Shape(delay_ns=MS))
        if answer[1] == {"delay": "netem"}:
            return
        assert answer == (
            LackingError,
            "NFQUEUE 11 is already bound by another process: stop it or choose another number",
        )
        assert node.ask("state") == (OPEN_LINK, {}, 0)
