"""TCP as far as it decides the outcome: reliable, ordered messages, and when a lost one is sent again.

What is modelled: a message is lost while one of its segments is missing; messages behind a hole wait; three later segments
make the sender repeat the hole at once (fast retransmit, once a round trip); else its timer does, after 200 ms doubling to
120 s (physics.md section 12), and after a timeout new messages wait until the hole is closed, then the lost ones follow
two, four, eight at a time. What is not: congestion windows beyond that, and the end of a connection after 15 retries.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from nodes.machine.retransmit import RTO_MAX_NS, RTO_MIN_NS
from nodes.sim.loop import Loop

SEGMENT_BYTES = 1448
"""TCP payload of an Ethernet frame with timestamps (1500 - 20 - 32)."""
HEADERS_BYTES = 52
"""IPv4 and TCP headers with timestamps."""
DUPLICATE_ACKS = 3
"""tcp_reordering: later segments that prove a hole."""
SLOW_START = 2
"""Messages sent for each that arrives after a timeout, so that their number doubles with every round trip."""


class Carrier(Protocol):
    """What a stream needs of the way to its other end."""

    def carry(self, stream: Stream, message: Message) -> None:
        """Takes the message's missing segments there; `stream.arrived` or `stream.lost` follows."""


class Message:
    """`size_bytes` of payload that is delivered as a whole; `missing` segments have not arrived."""

    __slots__ = ("got", "missing", "payload", "size_bytes", "under_way")

    def __init__(self, size_bytes: int, payload: Any) -> None:
        self.size_bytes = size_bytes
        self.payload = payload
        self.missing = -(-size_bytes // SEGMENT_BYTES)
        self.under_way = False
        self.got = False


class Stream:
    """One direction of a connection. `deliver(payload)` is called in order. With `own_timer` the sender's retransmission
    timer is here; without, whoever calls `retransmit` has it (the machine's)."""

    __slots__ = (
        "_carrier", "_deadline_ns", "_deliver", "_duplicates", "_fast_ns", "_loop", "_own_timer", "_rtt_ns",
        "outstanding", "owner", "retransmissions", "rto_ns", "timed_out", "waiting",
    )  # fmt: skip

    def __init__(
        self, loop: Loop, carrier: Carrier, deliver: Callable[[Any], None], *, owner: str, own_timer: bool, rtt_ns: int
    ) -> None:
        self._loop, self._carrier, self._deliver, self._own_timer = loop, carrier, deliver, own_timer
        self.owner, self._rtt_ns = owner, rtt_ns
        self.outstanding: deque[Message] = deque()
        """Sent and not delivered, in order."""
        self.waiting: deque[Message] = deque()
        """Not sent yet: after a timeout."""
        self.timed_out = False
        self.rto_ns = RTO_MIN_NS
        self.retransmissions = 0
        self._deadline_ns: int | None = None
        self._duplicates = 0
        self._fast_ns = -1

    def send(self, size_bytes: int, payload: Any) -> None:
        """A message, now or when the hole before it is closed."""
        message = Message(size_bytes, payload)
        if self.timed_out:
            self.waiting.append(message)
            return
        self.outstanding.append(message)
        self._transmit(message)

    def arrived(self, message: Message, segments: int) -> None:
        """`segments` of it were accepted at the other end; the rest of the train was lost."""
        message.under_way = False
        if message.got:
            return
        message.missing -= segments
        if message.missing > 0:
            self._hole(segments)
            return
        message.got = True
        outstanding = self.outstanding
        if outstanding[0] is not message:
            self._hole(segments)
            return
        if self._own_timer and self._deadline_ns is None and not self.timed_out:
            # the common case: nothing was lost
            outstanding.popleft()
            self._deliver(message.payload)
            if outstanding:
                self._progress()
            return
        self._progress()

    def lost(self, message: Message) -> None:
        """Nothing of it was accepted."""
        message.under_way = False
        if not message.got:
            self._arm()

    def retransmit(self) -> bool:
        """The sender's timer ran out: the hole, or what has not arrived yet, is sent again. False when all has arrived."""
        if self.waiting and not self.outstanding:
            self._recover()
        if not self.outstanding:
            return False
        self.timed_out = True
        head = self.outstanding[0]
        if not head.under_way:
            self.retransmissions += 1
            self._transmit(head)
        return True

    def reset(self) -> None:
        """The connection is over: what was under way never arrives."""
        for message in (*self.outstanding, *self.waiting):
            message.got, message.under_way = True, False
        self.outstanding.clear()
        self.waiting.clear()
        self._deadline_ns, self.timed_out, self.rto_ns = None, False, RTO_MIN_NS

    def _transmit(self, message: Message) -> None:
        message.under_way = True
        self._carrier.carry(self, message)

    def _progress(self) -> None:
        """The hole is closed: everything up to the next one is delivered, and what was lost behind it is sent again."""
        outstanding = self.outstanding
        while outstanding and outstanding[0].got:
            self._deliver(outstanding.popleft().payload)
        self._duplicates, self.rto_ns, self._deadline_ns = 0, RTO_MIN_NS, None
        if self.timed_out:
            self._recover()
        if any(not message.got and not message.under_way for message in outstanding):
            self._arm()

    def _recover(self) -> None:
        """Slow start after a timeout: two for each that arrived."""
        lost = [message for message in self.outstanding if not message.got and not message.under_way]
        for message in lost[:SLOW_START]:
            self._transmit(message)
        room = SLOW_START - len(lost)
        self.timed_out = len(lost) > 0 or bool(self.waiting)
        while self.waiting and (room > 0 or not lost):
            room -= 1
            message = self.waiting.popleft()
            self.outstanding.append(message)
            self._transmit(message)

    def _hole(self, segments: int) -> None:
        """Something came behind a hole."""
        self._duplicates += segments
        head, now_ns = self.outstanding[0], self._loop.now_ns
        fast = not self.timed_out and self._duplicates >= DUPLICATE_ACKS and now_ns >= self._fast_ns
        if fast and not head.under_way and not head.got:
            self._fast_ns = now_ns + self._rtt_ns
            self._duplicates = 0
            self.retransmissions += 1
            self._transmit(head)
        self._arm()

    def _arm(self) -> None:
        if self._own_timer and self._deadline_ns is None:
            self._deadline_ns = self._loop.now_ns + self.rto_ns
            self._loop.at(self._deadline_ns, self._expired, self._deadline_ns)

    def _expired(self, deadline_ns: int) -> None:
        if deadline_ns != self._deadline_ns:
            return
        self._deadline_ns = None
        self.rto_ns = min(2 * self.rto_ns, RTO_MAX_NS)
        if self.retransmit():
            self._arm()

    def signature(self, now_ns: int) -> tuple[Any, ...]:
        """What decides its future."""
        due = None if self._deadline_ns is None else self._deadline_ns - now_ns
        shape = tuple(
            (message.size_bytes, message.missing, message.got, message.under_way) for message in self.outstanding
        )
        waiting = tuple(message.size_bytes for message in self.waiting)
        fast = (min(self._duplicates, DUPLICATE_ACKS), max(self._fast_ns - now_ns, 0))
        return (shape, waiting, fast, self.timed_out, self.rto_ns, due)
