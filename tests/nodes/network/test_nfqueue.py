"""NFQUEUE on a real kernel: over the loopback of a namespace of the test's own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import netspaces
import pytest

from nodes.errors import LackingError
from nodes.network import nfqueue
from nodes.network.nfqueue import Packet, Queue

PORT = 9000
NUMBER = 7


@contextmanager
def sink() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A bound UDP socket, and one connected to it whose packets go through the queue."""
    with socket.socket(type=socket.SOCK_DGRAM) as receiver, socket.socket(type=socket.SOCK_DGRAM) as sender:
        receiver.bind(("127.0.0.1", PORT))
        receiver.setblocking(False)
        sender.connect(("127.0.0.1", PORT))
        subprocess.run(
            ("iptables", "-A", "INPUT", "-p", "udp", "-j", "NFQUEUE", "--queue-num", str(NUMBER)), check=True
        )
        yield receiver, sender


def take(queue: Queue, count: int) -> list[Packet]:
    """`count` packets, waited for."""
    deadline, packets = time.monotonic() + 5, []
    while len(packets) < count and time.monotonic() < deadline:
        packets += queue.receive()
    assert len(packets) == count
    return packets


def drained(receiver: socket.socket) -> list[bytes]:
    """What a non-blocking socket holds: loopback delivers within the verdict's own system call."""
    payloads = []
    while True:
        try:
            payloads.append(receiver.recv(2048))
        except BlockingIOError:
            return payloads


def in_namespace(function: Callable[[], Any]) -> Any:
    with netspaces.namespace() as space:
        return netspaces.run_in(space, function)


@pytest.mark.net_admin
def test_a_packet_shows_its_head_and_real_length_and_obeys_its_verdict() -> None:
    def work() -> tuple[list[Packet], list[bytes]]:
        with Queue(NUMBER, copy_bytes=64) as queue, sink() as (receiver, sender):
            for payload in (b"a" * 500, b"b" * 7):
                sender.send(payload)
            packets = take(queue, 2)
            assert drained(receiver) == []
            queue.verdict(packets[0].id, False)
            queue.verdict(packets[1].id, True)
            return packets, drained(receiver)

    (long, short), delivered = in_namespace(work)
    assert (long.size_bytes, short.size_bytes) == (528, 35)
    assert (len(long.head), len(short.head)) == (64, 35)
    assert long.head[0] == 0x45 and long.head[9] == socket.IPPROTO_UDP and long.head[28:] == b"a" * 36
    assert short.id == long.id + 1
    assert delivered == [b"b" * 7]


@pytest.mark.net_admin
def test_settle_gives_each_packet_its_own_verdict() -> None:
    verdicts = [True, True, False, True, False, False]

    def work() -> list[bytes]:
        with Queue(NUMBER) as queue, sink() as (receiver, sender):
            for number in range(len(verdicts)):
                sender.send(bytes([number]))
            packets = take(queue, len(verdicts))
            queue.settle(zip((packet.id for packet in packets), verdicts, strict=True))
            assert queue.receive() == []
            return drained(receiver)

    assert in_namespace(work) == [bytes([number]) for number, accept in enumerate(verdicts) if accept]


@pytest.mark.net_admin
def test_a_full_queue_drops_and_counts_and_lets_nothing_past() -> None:
    def work() -> tuple[int, int]:
        with Queue(NUMBER, length=4) as queue, sink() as (receiver, sender):
            for _ in range(10):
                sender.send(b"x")
            assert drained(receiver) == []
            queue.batch(take(queue, 4)[-1].id, True)
            return len(drained(receiver)), queue.dropped()

    assert in_namespace(work) == (4, 6)


@pytest.mark.net_admin
def test_receive_is_bounded() -> None:
    def work() -> tuple[int, int]:
        with Queue(NUMBER) as queue, sink() as (_, sender):
            for _ in range(5):
                sender.send(b"x")
            return len(queue.receive(3)), len(queue.receive(3))

    assert in_namespace(work) == (3, 2)


@pytest.mark.net_admin
def test_a_verdict_for_a_packet_that_is_gone_is_no_error() -> None:
    def work() -> list[Packet]:
        with Queue(NUMBER) as queue:
            queue.verdict(12345, True)
            return queue.receive()

    assert in_namespace(work) == []


def hold_a_queue(connection: Connection) -> None:
    with Queue(NUMBER):
        connection.send("open")
        connection.recv()
    connection.send("closed")


def refusal() -> str:
    with pytest.raises(LackingError) as refused:
        Queue(NUMBER)
    return str(refused.value)


@pytest.mark.net_admin
def test_a_number_that_another_process_holds_is_told_and_free_again_after_close() -> None:
    with netspaces.namespace() as space, netspaces.Remote(space, hold_a_queue) as holder:
        assert holder.answer() == "open"
        message = netspaces.run_in(space, refusal)
        assert message == "NFQUEUE 7 is already bound by another process: stop it or choose another number"
        assert holder.ask("close") == "closed"
        netspaces.run_in(space, lambda: Queue(NUMBER).close())


@pytest.mark.net_admin
def test_probe_finds_nfqueue_and_without_the_capability_names_it() -> None:
    def work() -> str:
        nfqueue.probe()
        os.setresuid(65534, 65534, 65534)
        with pytest.raises(LackingError, match="needs the capability NET_ADMIN") as refused:
            nfqueue.probe()
        return str(refused.value)

    assert "\n" not in in_namespace(work)


def test_a_kernel_without_the_protocol_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nfqueue, "_NETLINK_NETFILTER", 31)  # a netlink protocol that no kernel has
    with pytest.raises(LackingError, match=r"no NFQUEUE .*CONFIG_NETFILTER_NETLINK_QUEUE"):
        nfqueue.probe()
