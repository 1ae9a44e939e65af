"""One direction of a link: a queue with a rate and a limit, then a delay; and what may befall a packet on the way.

A train is a number of equal packets sent back to back (the segments of a message, a tick of a flood); each of them is lost,
doubled or refused by the full queue for itself. Jitter keeps the order (a FIFO line); `reorder` lets a packet skip the
delay, as netem does.
"""

from __future__ import annotations

from collections import deque
from random import Random

from nodes.config import Queueing, Shape
from nodes.units import MS_NS, SECOND_NS

BITS = 8
FRAME_BYTES = 18
"""Ethernet's header and checksum, which a link carries beside each IP packet (an ACK is 66 B: physics.md section 1)."""
BURST_SILENCE_NS = 50 * MS_NS
"""What makes losses come in bursts (a full queue, a fade) is over after a silence of this length (own): else a lone
retransmission, seconds later, would still meet the burst that took its predecessor."""


class Line:
    """A direction. After `send`, `passed` and `extra` tell how many packets of the train arrive, and how many of them
    twice; counters only grow."""

    __slots__ = (
        "_burst_packets",
        "_busy_ns",
        "_cut",
        "_delay_ns",
        "_departures",
        "_duplicate",
        "_enter",
        "_in_burst",
        "_jitter_ns",
        "_last_ns",
        "_leave",
        "_loss",
        "_plain",
        "_queued",
        "_random",
        "_rate_bps",
        "_reorder",
        "_sent_ns",
        "extra",
        "limit_packets",
        "lost",
        "overflowed",
        "passed",
        "sent",
    )

    def __init__(self, random: Random, queueing: Queueing) -> None:
        self._random = random
        self.limit_packets = queueing.queue_packets
        self._burst_packets = queueing.loss_burst_packets
        self._busy_ns = self._last_ns = 0
        self._departures: deque[tuple[int, int, int]] = deque()
        """Of trains in the queue: when the last packet leaves, how many there are, and how long one takes."""
        self._queued = 0
        self._in_burst = False
        self._sent_ns = 0
        self.passed = self.extra = self.sent = self.lost = self.overflowed = 0
        self.shape(Shape())

    def shape(self, shape: Shape) -> None:
        """Takes over a new shape; packets that are under way stay so."""
        self._rate_bps = shape.rate_bps or 0
        self._delay_ns, self._jitter_ns = shape.delay_ns or 0, shape.jitter_ns or 0
        self._loss, self._reorder = shape.loss_ratio or 0.0, shape.reorder_ratio or 0.0
        self._duplicate, self._cut = shape.duplicate_ratio or 0.0, bool(shape.cut)
        self._enter, self._leave = burst_odds(self._loss, self._burst_packets)
        self._plain = not (self._loss or self._jitter_ns or self._reorder or self._duplicate or self._cut)

    def make_flawless(self) -> None:
        """From now on nothing befalls a packet but rate, queue and delay."""
        self._loss = self._reorder = self._duplicate = 0.0
        self._jitter_ns, self._plain = 0, not self._cut

    @property
    def rate_bps(self) -> int:
        """Bits per second; 0 is unlimited."""
        return self._rate_bps

    def send(self, now_ns: int, size_bytes: int, packets: int, spent_ns: int = 0) -> int:
        """A train of `packets`, `size_bytes` on the wire in all; answers when the last that passes arrives (0: none).

        `spent_ns`: time that the train already took on a line before this one, while which its first packets were here.
        """
        self.sent += packets
        self.extra = 0
        if self._cut:
            self.passed = 0
            self.lost += packets
            return 0
        left_ns = self._enqueue(now_ns, size_bytes, packets, spent_ns) if self._rate_bps else now_ns
        if not self._rate_bps:
            self.passed = packets
        if self._plain:
            return left_ns + self._delay_ns if self.passed else 0
        return self._befall(left_ns, now_ns)

    def _enqueue(self, now_ns: int, size_bytes: int, packets: int, spent_ns: int) -> int:
        """When the train has left the queue; sets `passed`."""
        room = self.limit_packets + 1 - self._waiting(now_ns)
        accepted = packets if packets <= room else max(room, 0)
        if accepted < packets:
            self.overflowed += packets - accepted
            size_bytes = size_bytes * accepted // packets
        self.passed = accepted
        if not accepted:
            return 0
        needed_ns = size_bytes * BITS * SECOND_NS // self._rate_bps
        begin_ns = max(self._busy_ns, now_ns - min(spent_ns, needed_ns))
        self._busy_ns = left_ns = begin_ns + needed_ns
        if left_ns > now_ns:
            self._departures.append((left_ns, accepted, max(1, needed_ns // accepted)))
            self._queued += accepted
        return left_ns

    def _waiting(self, now_ns: int) -> int:
        """Packets in the queue, with the one that is leaving."""
        departures = self._departures
        if self._busy_ns <= now_ns:
            if self._queued:
                departures.clear()
                self._queued = 0
            return 0
        while departures[0][0] <= now_ns:
            self._queued -= departures.popleft()[1]
        left_ns, packets, each_ns = departures[0]
        return self._queued - packets + min(packets, -(-(left_ns - now_ns) // each_ns))

    def _befall(self, left_ns: int, now_ns: int) -> int:
        self._in_burst = self._in_burst and now_ns - self._sent_ns < BURST_SILENCE_NS
        self._sent_ns = now_ns
        lost = sum(self._loses() for _ in range(self.passed)) if self._loss else 0
        self.lost += lost
        self.passed -= lost
        if not self.passed:
            return 0
        if self._duplicate:
            self.extra = sum(self._random.random() < self._duplicate for _ in range(self.passed))
        if self._reorder and self._random.random() < self._reorder:
            return left_ns
        delay_ns = self._delay_ns
        if self._jitter_ns:
            delay_ns = max(0, delay_ns + round((2.0 * self._random.random() - 1.0) * self._jitter_ns))
        self._last_ns = max(self._last_ns, left_ns + delay_ns)
        return self._last_ns

    def _loses(self) -> bool:
        """Gilbert's model: everything is lost in a burst and nothing outside."""
        draw = self._random.random()
        self._in_burst = draw >= self._leave if self._in_burst else draw < self._enter
        return self._in_burst


def burst_odds(loss: float, burst_packets: int) -> tuple[float, float]:
    """Probabilities, at each packet, that a burst of losses begins and that it ends, so that the share `loss` of packets is
    lost in bursts of `burst_packets` in the mean. 1: each by itself (bursts of 1 / (1 - loss) then, by chance). A share
    that such bursts cannot reach, with one packet between two, has longer ones."""
    if loss >= 1.0:
        return 1.0, 0.0
    if burst_packets <= 1:
        return loss, 1.0 - loss
    burst = max(float(burst_packets), loss / (1.0 - loss))
    return loss / (1.0 - loss) / burst, 1.0 / burst


class Port:
    """Where a node is attached: what it sends is shaped here; what comes to it shares the port's rate."""

    __slots__ = ("cut", "inward", "outward")

    def __init__(self, name: str, random: Random, queueing: Queueing) -> None:
        self.outward, self.inward = Line(random, queueing), Line(random, queueing)
        self.cut = False

    def shape(self, shape: Shape) -> None:
        """As a container's link: rate, delay and trouble on what the node sends; a cut in both directions."""
        self.cut = bool(shape.cut)
        self.outward.shape(shape)
        self.inward.shape(Shape(rate_bps=shape.rate_bps, cut=shape.cut))

    def make_flawless(self) -> None:
        """From now on packets are delayed and queued, and nothing else befalls them."""
        self.outward.make_flawless()
        self.inward.make_flawless()
