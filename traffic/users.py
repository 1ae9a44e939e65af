"""The senders of junk, as Locust users: datagrams, streams, requests.

All are open loops: they send on the clock, whatever the receivers do. A user's part of the rate is the swarm's rate
divided by the number of users (`Share`); what cannot be sent shows in Locust's table of failures with the reason.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.socket import wait_write
from locust import User, task
from locust.contrib.fasthttp import FastHttpUser
from locust.exception import StopUser

from nodes.errors import UsageError
from nodes.floods import FloodKind
from nodes.units import SECOND_NS
from traffic.counting import count_failed, count_sent
from traffic.pacing import Pacer
from traffic.profiles import DEFAULT_TARGETS, Aimed, Swarm, parse_form
from traffic.targets import resolve

TICK_S = 0.002
"""Shortest sleep between bursts: 20 packets a burst at 10 kpps, where waking up costs less than sending (own)."""
SEGMENT_BYTES = 1448
"""TCP payload of an Ethernet frame with timestamps (1500 - 20 - 32)."""
BLOCKED_S = 1.0
"""A stream that accepts nothing for this long is counted as blocked, again and again (own)."""
REQUESTS_WAITING = 64
"""HTTP requests of one user without an answer at the same time; more are given up, as clients give up (own)."""

HOST = f"http://{DEFAULT_TARGETS}"
"""Locust wants one of every user; floods have targets of their own."""

Address = tuple[str, int]
log = logging.getLogger("netreserve.traffic")


class Share:
    """One user's part of one flood: where to, how often, from when until when."""

    def __init__(self, user: User, aimed: Aimed, swarm: Swarm, users: int) -> None:
        self.stats = user.environment.stats
        self.flood, self.name, self.users = aimed.flood, aimed.label, users
        self.addresses = [(host, aimed.port + n) for host in self._hosts(swarm) for n in range(aimed.flood.sockets)]
        now_ns = time.monotonic_ns()
        self.start_ns = now_ns + self.flood.start_ns
        self.end_ns = now_ns + swarm.seconds * SECOND_NS
        if self.flood.duration_ns:
            self.end_ns = min(self.end_ns, self.start_ns + self.flood.duration_ns)

    def _hosts(self, swarm: Swarm) -> tuple[str, ...]:
        try:
            return resolve(swarm.targets)
        except UsageError as error:
            self.failed(1, str(error))
            log.error("%s", error)
            raise StopUser from None

    def pacer(self, parts: int = 1) -> Pacer:
        """The schedule of this user's share, or of one of its equal `parts`; waits for the flood's start."""
        gevent.sleep(max(self.start_ns - time.monotonic_ns(), 0) / SECOND_NS)
        return Pacer(self.flood.rate_pps, self.users * parts, time.monotonic_ns())

    def sleep(self, pacer: Pacer) -> bool:
        """Until the next packet is due; False when the flood's time is over."""
        now_ns = time.monotonic_ns()
        gevent.sleep(max(TICK_S, (min(pacer.next_ns(), self.end_ns) - now_ns) / SECOND_NS))
        return time.monotonic_ns() < self.end_ns

    def sent(self, packets: int, size_bytes: int, late_ns: float, where: str = "") -> None:
        if packets:
            count_sent(self.stats, self.flood.kind, self.name + where, packets, size_bytes, late_ns / 1e6)

    def failed(self, packets: int, why: str, where: str = "") -> None:
        if packets:
            count_failed(self.stats, self.flood.kind, self.name + where, packets, why)

    def take(self, pacer: Pacer, where: str = "") -> int:
        """What is due now; what the pacer gave up counts as failed."""
        skipped = pacer.skipped
        due = pacer.take(time.monotonic_ns())
        self.failed(pacer.skipped - skipped, "not sent: the sender was held up", where)
        return due

    def lose(self, pacer: Pacer, why: str, where: str = "") -> None:
        """What has become due counts as failed: it could not be sent."""
        skipped = pacer.skipped
        due = pacer.take(time.monotonic_ns())
        self.failed(due + pacer.skipped - skipped, why, where)


def swarm_of(options: Any) -> tuple[Swarm, int]:
    """The swarm that Locust's parsed options ask for, and its number of users. Raises UsageError."""
    return parse_form({name: str(value) for name, value in vars(options).items()}), max(1, options.share)


def send_all(user: User, kind: FloodKind, send: Callable[[Share], None]) -> None:
    """Carries out this user's part of every flood of `kind` at once, then waits for the master to stop the swarm: a user
    that ended would be started anew."""
    swarm, users = swarm_of(user.environment.parsed_options)
    floods = Pool()
    try:
        for aimed in swarm.of(kind):
            floods.spawn(send, Share(user, aimed, swarm, max(users // len(swarm.kinds), 1)))
        floods.join(raise_error=True)
        while True:
            gevent.sleep(1)
    finally:
        floods.kill()


class UdpUser(User):
    """Datagrams from one socket for each sink socket, round robin."""

    host = HOST

    @task
    def send(self) -> None:
        send_all(self, "udp", self._flood)

    def _flood(self, share: Share) -> None:
        turns = cycle([_connected(address) for address in share.addresses])
        payload = b"\xa5" * share.flood.size_bytes
        pacer = share.pacer()
        while share.sleep(pacer):
            self._burst(share, pacer, turns, payload)

    def _burst(self, share: Share, pacer: Pacer, turns: Iterator[socket.socket], payload: bytes) -> None:
        late_ns = time.monotonic_ns() - pacer.next_ns()
        errors: Counter[str] = Counter()
        due = share.take(pacer)
        for _ in range(due):
            try:
                next(turns).send(payload)
            except OSError as error:
                errors[_why(error)] += 1
        share.sent(due - errors.total(), len(payload), late_ns)
        for why, packets in errors.items():
            share.failed(packets, why)


class TcpStreamUser(User):
    """A video feed: one long-lived connection to each sink socket, paced. What a reader that stalls keeps
    from being sent counts as failed."""

    host = HOST

    @task
    def send(self) -> None:
        send_all(self, "tcp", self._flood)

    def _flood(self, share: Share) -> None:
        streams = Pool()
        try:
            for address in share.addresses:
                streams.spawn(self._stream, share, address)
            streams.join()
        finally:
            streams.kill()

    def _stream(self, share: Share, address: Address) -> None:
        where = f", {address[0]}:{address[1]}"
        pacer = share.pacer(parts=len(share.addresses))
        while time.monotonic_ns() < share.end_ns:
            try:
                with socket.create_connection(address, timeout=BLOCKED_S) as connection:
                    self._feed(share, pacer, connection, where)
            except OSError as error:
                gevent.sleep(BLOCKED_S)
                share.lose(pacer, f"not sent: no connection: {_why(error)}", where)

    def _feed(self, share: Share, pacer: Pacer, connection: socket.socket, where: str) -> None:
        connection.setblocking(False)
        while share.sleep(pacer):
            if segments := share.take(pacer, where):
                self._write(share, pacer, connection, where, segments)

    def _write(self, share: Share, pacer: Pacer, connection: socket.socket, where: str, segments: int) -> None:
        """Sends `segments`, however long that takes: what becomes due meanwhile is lost."""
        began_ns = time.monotonic_ns()
        rest = memoryview(bytes(segments * SEGMENT_BYTES))
        while rest and time.monotonic_ns() < share.end_ns:
            try:
                wait_write(connection.fileno(), BLOCKED_S)
                rest = rest[connection.send(rest) :]
            except TimeoutError:
                share.lose(pacer, f"not sent: blocked: nothing was accepted for {BLOCKED_S:.0f} s", where)
            except BlockingIOError:
                continue
        left = -(-len(rest) // SEGMENT_BYTES)
        share.sent(segments - left, SEGMENT_BYTES, time.monotonic_ns() - began_ns, where)
        share.failed(left, "not sent: blocked until the flood's end", where)


class HttpUser(FastHttpUser):
    """POST requests, sent on the clock too: a slow answer does not hold up the next request."""

    host = HOST
    concurrency = REQUESTS_WAITING
    network_timeout = connection_timeout = 10.0

    @task
    def send(self) -> None:
        send_all(self, "http", self._flood)

    def _flood(self, share: Share) -> None:
        turns = cycle([f"http://{host}:{port}/" for host, port in share.addresses])
        body, waiting, pacer = "j" * share.flood.size_bytes, Pool(REQUESTS_WAITING), share.pacer()
        try:
            while share.sleep(pacer):
                for _ in range(share.take(pacer)):
                    if waiting.free_count():
                        waiting.spawn(self._post, next(turns), body, share.name)
                    else:
                        share.failed(1, f"not sent: {REQUESTS_WAITING} requests wait for an answer")
        finally:
            waiting.kill()

    def _post(self, url: str, body: str, name: str) -> None:
        # A redirect is an answer like any other: following it could lead out of the testbed's addresses.
        self.client.post(url, data=body, name=name, allow_redirects=False)


USERS_OF = {"udp": UdpUser, "tcp": TcpStreamUser, "http": HttpUser}


def _connected(address: Address) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(address)
    sock.setblocking(False)
    return sock


def _why(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused: no sink listens there"
    if isinstance(error, BlockingIOError):
        return "not sent: the send buffer is full"
    return error.strerror or str(error)
