"""Verdicts on real packets in namespaces: every one is judged once, and only accepted ones arrive, held or not."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from multiprocessing.connection import Connection
from random import Random

import msgspec
import pytest
from netspaces import LEFT, Remote, pair, run_in

from nodes.config import OPEN_LINK, Shape
from nodes.container.classify import UDP, classify
from nodes.container.pump import BATCH_PACKETS, Pump
from nodes.network import steer
from nodes.network.delayline import DelayLine
from nodes.network.nfqueue import Packet, Queue
from nodes.units import MS_NS

pytestmark = pytest.mark.net_admin

PORT, NUMBER, PACKETS = 9300, 31, 2 * BATCH_PACKETS + 7


def judge_runs(head: bytes, now_ns: int) -> bool:
    """Drops every third group of five sizes, so that equal verdicts come in runs."""
    protocol, _, size_bytes, *_ = classify(head)
    return protocol != UDP or (size_bytes - 28) // 5 % 3 != 2


ACCEPTED = [size for size in range(PACKETS) if size // 5 % 3 != 2]


def pump_packets(connection: Connection, shape: Shape) -> None:
    connection.send(asyncio.run(_pump(connection, shape)))


async def _pump(connection: Connection, shape: Shape) -> tuple[list[int], int]:
    """Sizes of the datagrams that arrived, in order, and how many packets were judged."""
    hold: DelayLine[Packet] = DelayLine(Random(7))
    hold.set(shape)
    with Queue(NUMBER) as queue, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind((LEFT, PORT))
        sink.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE: all of them fit
        await steer.install(steer.queue_rule("left", NUMBER))
        pump = Pump(queue, hold)
        pump.judge = judge_runs
        connection.send("ready")
        async with asyncio.timeout(20):
            while pump.packets < PACKETS or hold.next_ns() is not None:
                await asyncio.sleep(0.005)
        pump.close()
        await steer.remove(steer.queue_rule("left", NUMBER))
        sink.setblocking(False)
        return _sizes(sink), pump.packets


def _sizes(sink: socket.socket) -> list[int]:
    sizes = []
    while True:
        try:
            sizes.append(len(sink.recv(2000)))
        except BlockingIOError:
            return sizes


def send_sizes() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        for size in range(PACKETS):
            sock.sendto(bytes(size), (LEFT, PORT))


@pytest.mark.parametrize("delay_ns", [0, 20 * MS_NS])
def test_accepted_packets_arrive_in_order_and_dropped_ones_do_not(delay_ns: int) -> None:
    shape = msgspec.structs.replace(OPEN_LINK, delay_ns=delay_ns)
    with pair() as (left, right), Remote(left, lambda connection: pump_packets(connection, shape)) as pump:
        assert pump.answer() == "ready"
        run_in(right, send_sizes)
        arrived, judged = pump.answer()
    assert arrived == ACCEPTED
    assert judged == PACKETS


def test_lost_packets_are_neither_judged_nor_delivered() -> None:
    shape = msgspec.structs.replace(OPEN_LINK, loss_ratio=1.0)
    with pair() as (left, right), Remote(left, lambda connection: pump_packets(connection, shape)) as pump:
        assert pump.answer() == "ready"
        run_in(right, send_sizes)
        assert pump.answer() == ([], PACKETS)
