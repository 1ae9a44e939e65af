"""Turns TCP acknowledgement numbers, as packets bring them, into bytes of the block stream acknowledged.

No socket option tells this exactly at the moment a packet is judged (it has not reached TCP yet), but the packet does.
The NBD handshake ends with a reply to everything we sent, and that reply acknowledges all of it; we send nothing more
until then. So the highest number seen when the handshake ends is byte 0 of the block stream.
"""

from __future__ import annotations

_WRAP = 1 << 32


class AckCounter:
    """Counts from `start` on; numbers may wrap, repeat, and arrive out of order."""

    def __init__(self) -> None:
        self.bytes = 0
        self._highest: int | None = None
        self._started = False

    def start(self) -> None:
        """The handshake is over: the highest number seen so far is byte 0."""
        self._started = True

    def note(self, ack: int) -> int:
        """A block packet with acknowledgement number `ack`; answers all bytes acknowledged so far."""
        if self._highest is None:
            self._highest = ack
            return 0
        step = (ack - self._highest) % _WRAP
        if step < _WRAP // 2:
            self._highest = ack
            if self._started:
                self.bytes += step
        return self.bytes
