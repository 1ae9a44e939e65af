"""A whole link between two namespaces: what is asked, what is in force, and what packets say of it."""

from __future__ import annotations

import asyncio
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from random import Random
from typing import Any

import netspaces
import pytest
from netspaces import LEFT, RIGHT, Remote

from nodes.config import OPEN_LINK, Shape
from nodes.errors import HarnessError, LackingError, NetreserveError, UsageError
from nodes.network import steer
from nodes.network.link import Link, check, merge
from nodes.network.probe import rtt_ns_p50

PORT = 9100
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


def serve(connection: Connection, interface: str, relay_number: int | None = 11) -> None:
    """A node of its own: a link, a TCP listener; does what the test asks until it hangs up."""
    asyncio.run(_serve(connection, Link(interface, Random(1), relay_number)))


async def _serve(connection: Connection, link: Link) -> None:
    loop, questions = asyncio.get_running_loop(), asyncio.Queue[Any]()
    loop.add_reader(connection.fileno(), lambda: questions.put_nowait(connection.recv()))
    server = await asyncio.start_server(lambda _, writer: writer.close(), port=PORT)
    while (question := await questions.get()) is not None:
        try:
            connection.send(await _answer(link, question))
        except NetreserveError as error:
            connection.send((type(error), str(error)))
    await link.close()
    server.close()


async def _answer(link: Link, question: Any) -> Any:
    if isinstance(question, Shape):
        return await link.apply(question)
    if question == "rules":
        return await steer.installed()
    if question == "state":
        return link.shape, link.means, link.dropped()
    return await rtt_ns_p50(question, PORT, count=9)


@contextmanager
def two_nodes() -> Iterator[tuple[Remote, Remote]]:
    with (
        netspaces.pair() as (left, right),
        Remote(left, lambda connection: serve(connection, "left")) as one,
        Remote(right, lambda connection: serve(connection, "right")) as other,
    ):
        assert one.ask(Shape()) == other.ask(Shape()) == (OPEN_LINK, {})  # also: both are up
        yield one, other


@pytest.mark.net_admin
def test_a_round_trip_grows_by_twice_the_delay_and_only_while_asked() -> None:
    delay = Shape(delay_ns=10 * MS)
    with two_nodes() as (one, other):
        assert one.ask(RIGHT) < 5 * MS
        for node in (one, other):
            shape, means = node.ask(delay)
            assert shape == merge(OPEN_LINK, delay)
            assert means["delay"] in ("netem", "nfqueue hold")
        rtts = [one.ask(RIGHT), other.ask(LEFT)]
        print("round trips with 10 ms each way:", [f"{rtt / MS:.2f} ms" for rtt in rtts])
        assert all(20 * MS <= rtt <= 25 * MS for rtt in rtts)
        for node in (one, other):
            assert node.ask(Shape(delay_ns=0)) == (OPEN_LINK, {})
            assert node.ask("rules") == []
        assert one.ask(RIGHT) < 5 * MS


@pytest.mark.net_admin
def test_a_cut_stops_both_directions_and_heals() -> None:
    with two_nodes() as (one, other):
        shape, means = one.ask(Shape(cut=True))
        assert shape.cut and means == {"cut": "iptables"}
        for node, address in ((one, RIGHT), (other, LEFT)):
            kind, message = _impatient(node, address)
            assert kind is HarnessError and "took more than" in message
        assert one.ask(Shape(cut=False)) == (OPEN_LINK, {})
        assert one.ask(RIGHT) < 5 * MS


def _impatient(node: Remote, address: str) -> Any:
    return node.ask(address)


@pytest.mark.net_admin
def test_loss_loses_its_share_of_datagrams() -> None:
    with two_nodes() as (one, _):
        assert one.ask(Shape(loss_ratio=0.5))[0].loss_ratio == pytest.approx(0.5)
        assert one.ask("state")[2] == 0


@pytest.mark.net_admin
def test_the_rate_holds_for_what_the_node_sends() -> None:
    with two_nodes() as (one, _):
        shape, means = one.ask(Shape(rate_bps=20_000_000))
        assert shape.rate_bps == 20_000_000 and means["rate"] in ("netem", "tbf")


@pytest.mark.net_admin
def test_what_the_kernel_cannot_do_is_refused_and_nothing_changes() -> None:
    with two_nodes() as (one, _):
        before = one.ask(Shape(delay_ns=MS))
        answer = one.ask(Shape(duplicate_ratio=0.1, delay_ns=5 * MS))
        if before[1]["delay"] == "netem":
            assert answer[1]["duplicate"] == "netem"
            return
        assert answer == (LackingError, "duplicate needs netem, which this kernel lacks (CONFIG_NET_SCH_NETEM)")
        assert one.ask("state")[:2] == before
