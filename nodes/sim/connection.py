"""The block connection between an initiator and its target: requests one way, replies the other, acknowledgements between.

The target acknowledges a request that fills two segments or more when it has it (TCP's every-second-segment rule), a small
one with its reply, or after 40 ms when no reply comes (delayed ACK). The machine judges every packet that comes back: what
it refuses was lost. Acknowledgements of replies cost the target no event: it knows when a reply was accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from nodes.machine.events import REPLY_BYTES, WRITE_HEADER_BYTES
from nodes.machine.merge import Transfer
from nodes.sim.link import FRAME_BYTES, Port
from nodes.sim.loop import Loop
from nodes.sim.target import Target
from nodes.sim.tcp import HEADERS_BYTES, SEGMENT_BYTES, Message, Stream
from nodes.units import MS_NS, PAGE_BYTES, SECOND_NS

DELAYED_ACK_NS = 40 * MS_NS
"""TCP_DELACK_MIN (include/net/tcp.h)."""
GRO_SEGMENTS_MAX = 44
"""Segments that reach the stack as one packet: 64 KiB (net/core/gro.c)."""
RECONNECT_NS = SECOND_NS
"""Between a server that is there again and its clients' next try (own)."""


class Endpoint(Protocol):
    """The initiator, as its connection needs it."""

    name: str

    def receive_block(self, size_bytes: int, segments: int, acked_bytes: int) -> bool:
        """A packet of the connection: does the machine accept it?"""

    def answered(self, transfer: Transfer, error: int) -> None:
        """A reply has come."""

    def reconnected(self) -> None:
        """Everything in flight is to be sent again."""

    def wake(self) -> None:
        """Something may have changed."""


class Connection:
    """Requests and replies of one initiator. `epoch` counts connections: what belongs to an earlier one is void."""

    def __init__(
        self, loop: Loop, initiator: Endpoint, target: Target, near: Port, far: Port, slots: int, rtt_ns: int
    ) -> None:
        self._loop, self._initiator, self._target = loop, initiator, target
        self.owner = initiator.name
        self._near, self._far = near, far
        self._rtt_ns = rtt_ns
        self.epoch = 0
        self.up = True
        self.is_over = False
        """TCP has given up on it, and nobody makes another."""
        self._stored = [0] * slots
        """Generation of each page on the disk."""
        self._open()
        target.connections.append(self)

    def _open(self) -> None:
        self.requests = self._stream(_Way(self, outward=True), self._requested, own_timer=False)
        self.replies = self._stream(_Way(self, outward=False), self._replied, own_timer=True)
        self._acked_bytes = 0
        """Of the machine's stream: what the target has."""
        self._ack_told = 0
        self._ack_due_ns: int | None = None

    def _stream(self, way: _Way, deliver: Callable[[Any], None], *, own_timer: bool) -> Stream:
        return Stream(self._loop, way, deliver, owner=self.owner, own_timer=own_timer, rtt_ns=self._rtt_ns)

    # ---- the initiator's side

    def submit(self, transfer: Transfer) -> None:
        """A request goes out; without a connection it waits for the next one, when the machine sends everything again."""
        if not self.up:
            return
        data = PAGE_BYTES * transfer.pages if transfer.is_write else 0
        self.requests.send(WRITE_HEADER_BYTES + data, transfer)

    def retransmit(self) -> None:
        """The machine's timer ran out. When the target has everything, it answers the repetition with what it has."""
        if not self.requests.retransmit():
            self._loop.at(self._loop.now_ns + self._rtt_ns, self._acknowledge, self.epoch)

    def lose(self) -> None:
        """The server is gone."""
        self.up = False
        self.epoch += 1
        self.requests.reset()
        self.replies.reset()
        self._open()

    def end(self) -> None:
        """The initiator's TCP gives up. There is no other connection: nbd without a client that persists (own)."""
        self.lose()
        self.is_over = True

    def reconnect_soon(self) -> None:
        self._loop.at(self._loop.now_ns + RECONNECT_NS, self._reconnect, self.epoch)

    def _reconnect(self, epoch: int) -> None:
        if epoch == self.epoch and not (self._target.spec.down or self.is_over):
            self.up = True
            self._initiator.reconnected()

    # ---- the target's side

    def _requested(self, transfer: Transfer) -> None:
        """A request has arrived whole and in order."""
        pages = transfer.pages
        self._acked_bytes += pages * WRITE_HEADER_BYTES + (pages * PAGE_BYTES if transfer.is_write else 0)
        if transfer.is_write:
            self._acknowledge(self.epoch)
        elif self._ack_due_ns is None:
            self._ack_due_ns = self._loop.now_ns + DELAYED_ACK_NS
            self._loop.at(self._ack_due_ns, self._delayed_ack, self.epoch)
        self._target.take(self, transfer)

    def _delayed_ack(self, epoch: int) -> None:
        if epoch != self.epoch:
            return
        self._ack_due_ns = None
        if self._ack_told < self._acked_bytes:
            self._acknowledge(epoch)

    def _acknowledge(self, epoch: int) -> None:
        """A packet that says what the target has, and nothing else."""
        if epoch == self.epoch:
            self._ack_told = self._acked_bytes
            self.travel(HEADERS_BYTES, 1, False, self._ack_arrived, self._acked_bytes, epoch)

    def _ack_arrived(self, passed: int, acked_bytes: int, epoch: int) -> None:
        if passed and epoch == self.epoch:  # else its bytes are those of a connection that is gone
            self._initiator.receive_block(HEADERS_BYTES, 1, acked_bytes)
            self._initiator.wake()

    def done(self, transfer: Transfer, epoch: int) -> None:
        """The disk has served it."""
        if epoch == self.epoch:
            if transfer.is_write:
                self._stored[transfer.first : transfer.first + transfer.pages] = transfer.generations
            self._target.finish(self, transfer)

    def reply(self, transfer: Transfer, error: int) -> None:
        """An answer goes back."""
        data = 0 if transfer.is_write or error else PAGE_BYTES * transfer.pages
        self._ack_told = self._acked_bytes
        self.replies.send(REPLY_BYTES + data, (transfer, error, self._acked_bytes))

    def judge(self, size_bytes: int, segments: int, acked_bytes: int) -> bool:
        """Does the machine accept this part of a reply?"""
        return self._initiator.receive_block(size_bytes, segments, acked_bytes)

    def settle(self) -> None:
        """What came in has been judged."""
        self._initiator.wake()

    def holds(self, transfer: Transfer) -> list[int]:
        """The generations that the disk has of a transfer's pages."""
        return self._stored[transfer.first : transfer.first + transfer.pages]

    def _replied(self, payload: tuple[Transfer, int, int]) -> None:
        self._initiator.answered(payload[0], payload[1])

    # ---- on the way

    def travel(self, size_bytes: int, packets: int, outward: bool, arrive: Callable[..., None], *args: Any) -> None:
        """`arrive(packets that passed, *args)`, at once with 0 when none did."""
        loop = self._loop
        source, sink = (self._near, self._far) if outward else (self._far, self._near)
        wire_bytes, line = size_bytes + packets * FRAME_BYTES, source.outward
        arrival_ns = line.send(loop.now_ns, wire_bytes, packets)
        passed = line.passed
        if line.extra and not outward:
            loop.at(arrival_ns, self._again, sink, size_bytes // packets, line.extra)
        if not passed:
            loop.at(loop.now_ns, arrive, 0, *args)
        elif sink.inward.rate_bps:
            spent_ns = wire_bytes * 8 * SECOND_NS // line.rate_bps if line.rate_bps else 0
            loop.at(arrival_ns, self._enter, sink, wire_bytes * passed // packets, passed, spent_ns, arrive, args)
        else:
            loop.at(arrival_ns, self._leave, sink, passed, arrive, args)

    def _enter(
        self,
        sink: Port,
        wire_bytes: int,
        packets: int,
        spent_ns: int,
        arrive: Callable[..., None],
        args: tuple[Any, ...],
    ) -> None:
        """At the other end's port, where what comes from everybody shares the rate."""
        arrival_ns = sink.inward.send(self._loop.now_ns, wire_bytes, packets, spent_ns)
        self._loop.at(arrival_ns, self._leave, sink, sink.inward.passed, arrive, args)

    def _again(self, sink: Port, size_bytes: int, packets: int) -> None:
        """Copies of packets that have arrived: the machine judges them like any other, and they tell it nothing new."""
        if not sink.cut:
            self._initiator.receive_block(size_bytes, packets, 0)
            self._initiator.wake()

    def _leave(self, sink: Port, packets: int, arrive: Callable[..., None], args: tuple[Any, ...]) -> None:
        arrive(0 if sink.cut else packets, *args)

    def signature(self, now_ns: int) -> tuple[Any, ...]:
        """What decides its future."""
        due = None if self._ack_due_ns is None else self._ack_due_ns - now_ns
        return (
            self.requests.signature(now_ns), self.replies.signature(now_ns), self._acked_bytes - self._ack_told, due
        )  # fmt: skip


class _Way:
    """Carries a stream's messages; those that come in are judged by the machine, part by part."""

    __slots__ = ("_connection", "_outward")

    def __init__(self, connection: Connection, *, outward: bool) -> None:
        self._connection, self._outward = connection, outward

    def carry(self, stream: Stream, message: Message) -> None:
        segments = message.missing
        size_bytes = min(message.size_bytes, segments * SEGMENT_BYTES) + segments * HEADERS_BYTES
        arrive = self._arrived if self._outward else self._judged
        self._connection.travel(size_bytes, segments, self._outward, arrive, stream, message)

    def _arrived(self, passed: int, stream: Stream, message: Message) -> None:
        if passed:
            stream.arrived(message, passed)
        else:
            stream.lost(message)

    def _judged(self, passed: int, stream: Stream, message: Message) -> None:
        if message.got:
            return
        accepted, left = 0, passed
        each_bytes = min(message.size_bytes, SEGMENT_BYTES) + HEADERS_BYTES
        while left:
            part = min(left, GRO_SEGMENTS_MAX)
            left -= part
            if self._connection.judge(each_bytes * part, part, message.payload[2]):
                accepted += part
        if accepted:
            stream.arrived(message, accepted)
        else:
            stream.lost(message)
        self._connection.settle()
