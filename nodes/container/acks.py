"""Turns TCP acknowledgement numbers, as packets bring them, into bytes of the machine's block stream acknowledged.

No socket option tells this exactly at the moment a packet is judged (it has not reached TCP yet), but the packet does.
The NBD handshake ends with a reply to everything we sent, and that reply acknowledges all of it; we send nothing more
until then. So the highest number seen when the handshake ends is byte 0 of the block stream.

The machine counts a header for every page; a request that carries several pages has one. `sent` tells how many bytes on the
wire stand for how many of the machine's, and an acknowledgement counts for those requests that it covers whole.
"""

from __future__ import annotations

from collections import deque

_WRAP = 1 << 32


class AckCounter:
    """Counts from `start` on; numbers may wrap, repeat, and arrive out of order."""

    def __init__(self) -> None:
        self.bytes = 0
        """Of the machine's stream, acknowledged so far."""
        self._highest: int | None = None
        self._started = False
        self._acked_wire = 0
        self._sent_wire = self._sent_machine = 0
        self._spans: deque[tuple[int, int]] = deque()
        """Ends of requests not yet acknowledged: on the wire, and in the machine's stream."""

    def start(self) -> None:
        """The handshake is over: the highest number seen so far is byte 0."""
        self._started = True

    def sent(self, wire_bytes: int, machine_bytes: int) -> None:
        """A request went out: `wire_bytes` long, which the machine counts as `machine_bytes`."""
        self._sent_wire += wire_bytes
        self._sent_machine += machine_bytes
        self._spans.append((self._sent_wire, self._sent_machine))

    def note(self, ack: int) -> int:
        """A block packet with acknowledgement number `ack`; answers all bytes acknowledged so far."""
        if self._highest is None:
            self._highest = ack
            return 0
        step = (ack - self._highest) % _WRAP
        if step < _WRAP // 2:
            self._highest = ack
            if self._started:
                self._acked_wire += step
                self._settle()
        return self.bytes

    def _settle(self) -> None:
        spans = self._spans
        while spans and spans[0][0] <= self._acked_wire:
            self.bytes = spans.popleft()[1]
