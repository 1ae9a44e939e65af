"""Junk, as Locust sends it: datagrams on the clock; streams that stop at a full window; requests that wait for their answer.

A flood's rate is divided evenly over all initiators and their sockets, in bursts: what is due in a millisecond (or in the
flood's `burst`) arrives as one train, the work of a NAPI poll; a burst that the flood's end cuts short arrives then. The
seed decides when a flood really begins, up to a tenth of a second late, and which socket it begins with: at what moment
of reclaim's rhythm junk strikes is chance (docs/explanation/anomalies.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nodes.floods import PlannedFlood
from nodes.machine.allocators.slab import HEAD_BYTES
from nodes.machine.retransmit import RTO_MAX_NS, RTO_MIN_NS
from nodes.sim.initiator import Initiator
from nodes.sim.link import FRAME_BYTES, Port
from nodes.sim.loop import Loop
from nodes.sim.tcp import HEADERS_BYTES, SEGMENT_BYTES
from nodes.units import MS_NS, SECOND_NS

LATE_NS_MAX = 100 * MS_NS
"""A real flood's first packet comes as much after the order (Locust spawns its users ten times a second; own)."""
FAST_RETRIES = 1
"""A stream's loss is told by what comes behind it, and sent again a round trip later; the next waits for the timer."""
RTT_NS = MS_NS
"""Of junk (own)."""
DATAGRAM_HEADERS_BYTES = 28
"""IPv4 and UDP."""
WINDOW_SHARE = 2
"""The window opens to half the buffer, in payload (tcp_adv_win_scale 1; net/ipv4/tcp_input.c)."""


class Aim:
    """The sockets of one flood at one initiator."""

    __slots__ = ("due_ns", "initiator", "missed", "numbers", "place", "port", "rto_ns")

    def __init__(self, initiator: Initiator, port: Port, numbers: list[int], place: int) -> None:
        self.initiator, self.port, self.numbers, self.place = initiator, port, numbers, place
        self.due_ns = [0] * len(numbers)
        """Streams: when a sender that lost a segment tries again."""
        self.rto_ns = [RTO_MIN_NS] * len(numbers)
        self.missed = [0] * len(numbers)
        """Segments lost in a row."""


class Flood:
    """Sends what is planned at `aims` from its start to its end. `sent` counts packets, segments or requests."""

    owner = ""

    def __init__(
        self, planned: PlannedFlood, loop: Loop, aims: Sequence[tuple[Initiator, Port]], random: Random
    ) -> None:
        junk = planned.flood
        self.planned, self.junk, self._loop = planned, junk, loop
        ports = range(planned.port, planned.port + junk.sockets)
        place = int(random.random() * junk.sockets)
        self._aims = [Aim(who, port, [who.sockets[p][0] for p in ports], place) for who, port in aims]
        self._turn = int(random.random() * len(self._aims)) if self._aims else 0
        planned_ns = planned.whole_ns or planned.end_ns - planned.start_ns
        self._late_ns = int(random.random() * min(LATE_NS_MAX, planned_ns // 20))
        self.sent = 0
        self.skipped = 0
        """What a full window or an unanswered request kept from being sent."""
        self._tick_after(planned.start_ns)

    def _tick(self) -> None:
        planned, now_ns = self.planned, self._loop.now_ns
        until_ns = min(now_ns, planned.end_ns) - planned.start_ns - self._late_ns
        due = max(until_ns, 0) * self.junk.rate_pps // SECOND_NS - self.sent - self.skipped
        if due > 0:
            self._spread(due)
        self._tick_after(now_ns)

    def _tick_after(self, time_ns: int) -> None:
        """The next burst, or what is left of it when the flood ends."""
        if time_ns < self.planned.end_ns:
            self._loop.at(min(time_ns + self.junk.burst_ns, self.planned.end_ns), self._tick)

    def _spread(self, due: int) -> None:
        aims = self._aims
        share, more = divmod(due, len(aims))
        send = self._datagrams if self.junk.kind == "udp" else self._streams
        for step in range(len(aims) if share else more):
            aim = aims[(self._turn + step) % len(aims)]
            send(aim, share + (step < more))
        self._turn = (self._turn + more) % len(aims)

    def _datagrams(self, aim: Aim, packets: int) -> None:
        self.sent += packets
        size_bytes = self.junk.size_bytes + DATAGRAM_HEADERS_BYTES
        fragments = -(-size_bytes // 1500)
        line, first = aim.port.inward, aim.place
        aim.place = (first + packets) % len(aim.numbers)
        if aim.port.cut:
            return
        wire_bytes = packets * (size_bytes + fragments * FRAME_BYTES)
        arrival_ns = line.send(self._loop.now_ns, wire_bytes, packets * fragments)
        whole = line.passed // fragments
        if not whole:
            return
        if arrival_ns <= self._loop.now_ns:
            self._deliver(aim, whole * fragments, size_bytes // fragments, first)
        else:
            self._loop.at(arrival_ns, self._deliver, aim, whole * fragments, size_bytes // fragments, first)

    def _deliver(self, aim: Aim, packets: int, size_bytes: int, first: int) -> None:
        accepted = aim.initiator.receive_junk(aim.numbers, size_bytes, packets, first)
        aim.initiator.settle_junk(aim.numbers, self.junk.reader, accepted)

    def _streams(self, aim: Aim, due: int) -> None:
        """Segments or requests, each socket in its turn; what comes in a burst is read after it."""
        segments = 1 if self.junk.kind == "tcp" else max(1, -(-self.junk.size_bytes // SEGMENT_BYTES))
        count, accepted = len(aim.numbers), 0
        for _ in range(due):
            place = aim.place
            aim.place = (place + 1) % count
            accepted += self._stream(aim, place, segments)
        aim.initiator.settle_junk(aim.numbers, self.junk.reader, accepted)

    def _stream(self, aim: Aim, place: int, segments: int) -> int:
        """Answers how many of its segments were accepted."""
        now_ns, number = self._loop.now_ns, aim.numbers[place]
        receiver = aim.initiator.machine.receiver
        socket, true_bytes = receiver.sockets[number], HEAD_BYTES + receiver.nic.data_bytes
        full = socket.held_bytes * SEGMENT_BYTES // true_bytes * WINDOW_SHARE >= socket.rcvbuf_bytes
        unanswered = self.junk.kind == "http" and socket.held_bytes > 0
        if full or unanswered or now_ns < aim.due_ns[place] or aim.port.cut:
            self.skipped += 1
            return 0
        self.sent += 1
        size_bytes = SEGMENT_BYTES if self.junk.kind == "tcp" else min(self.junk.size_bytes, SEGMENT_BYTES)
        aim.port.inward.send(now_ns, segments * (size_bytes + HEADERS_BYTES + FRAME_BYTES), segments)
        passed = aim.port.inward.passed
        accepted = 0
        if passed:
            accepted = aim.initiator.receive_junk([number], size_bytes + HEADERS_BYTES, passed, 0)
        self._heard(aim, place, accepted == segments)
        return accepted

    def _heard(self, aim: Aim, place: int, whole: bool) -> None:
        """What the sender learns, and when it tries again."""
        if whole:
            aim.rto_ns[place], aim.missed[place] = RTO_MIN_NS, 0
            return
        aim.missed[place] += 1
        if aim.missed[place] <= FAST_RETRIES:
            aim.due_ns[place] = self._loop.now_ns + RTT_NS
        else:
            aim.due_ns[place] = self._loop.now_ns + aim.rto_ns[place]
            aim.rto_ns[place] = min(2 * aim.rto_ns[place], RTO_MAX_NS)
