"""How many bytes the network holds in all, and the cap on them where a policy sets one.

Counted are packets queued at sockets and the copies that transmission keeps until they are acknowledged. Not counted, as in
the kernel: the receive ring, and packets on their way to a socket (physics.md section 8, what no cap counts).
"""

from __future__ import annotations

from nodes.units import PAGE_BYTES

NO_CAP_BYTES = 1 << 62


class NetworkMemory:
    """Bytes held, of all sockets and cards of one machine."""

    __slots__ = ("cap_bytes", "floor_bytes", "rx_bytes", "stream_floor_bytes", "tx_bytes")

    def __init__(self) -> None:
        self.rx_bytes = 0
        """Queued at sockets."""
        self.tx_bytes = 0
        """Copies and heads of requests that were sent and not acknowledged."""
        self.cap_bytes = NO_CAP_BYTES
        self.floor_bytes = self.stream_floor_bytes = 0
        """Every socket may go on while it holds less than this; a TCP socket, than the other."""

    def set_cap(self, cap_pages: int, floor_bytes: int, forces_first: bool = False) -> None:
        """The cap in pages (0: none), the floor of each socket, and whether TCP takes a first packet in any case."""
        self.cap_bytes = cap_pages * PAGE_BYTES or NO_CAP_BYTES
        self.floor_bytes = floor_bytes
        self.stream_floor_bytes = max(floor_bytes, int(forces_first))

    def refuses(self, size_bytes: int, held_bytes: int, is_stream: bool = True) -> bool:
        """Would `size_bytes` more go over the cap, for a socket that holds `held_bytes` and has no claim to its floor?"""
        if self.rx_bytes + self.tx_bytes + size_bytes <= self.cap_bytes:
            return False
        return held_bytes >= (self.stream_floor_bytes if is_stream else self.floor_bytes)
