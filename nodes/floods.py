"""What a flood is: the record that scenarios, Locust's form, the controller and the simulator share."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from nodes.config import SOCKETS_MAX, Reader

FloodKind = Literal["udp", "tcp", "http"]
RATE_PPS_MAX = 200_000
"""More than one core can send here; a bound, not a target (own)."""
BURST_NS_DEFAULT, BURST_NS_MAX = 1_000_000, 1_000_000_000
"""A millisecond: twenty packets at 20 kpps, one NAPI poll. A second: no sender bunches longer (own)."""


class Flood(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Junk of one kind, aimed at every initiator. Raises ValueError when a bound is passed."""

    kind: FloodKind
    rate_pps: int = 1000
    """Packets (udp), 1448-byte segments (tcp) or requests (http) per second, all users and initiators together."""
    size_bytes: int = 1400
    """Payload of a datagram, or of an http request's body."""
    sockets: int = 4
    """Sockets at each initiator that the junk is spread over."""
    reader: Reader = "app"
    rcvbuf_bytes: int = 212_992
    start_ns: int = 0
    """After the flood phase begins."""
    duration_ns: int = 0
    """0: until the flood phase ends."""
    burst_ns: int = BURST_NS_DEFAULT
    """The packets of so much time come at once (simulator; how Locust's senders bunch is their scheduler's doing)."""
    stopped_ns: int | None = None
    """So long after the flood phase began somebody stops it, before its planned end (simulator)."""

    def __post_init__(self) -> None:
        if not 1 <= self.rate_pps <= RATE_PPS_MAX:
            raise ValueError(f"rate_pps is {self.rate_pps}: 1 to {RATE_PPS_MAX} are possible")
        if not 1 <= self.size_bytes <= 65_000:
            raise ValueError(f"size_bytes is {self.size_bytes}: 1 to 65000 are possible")
        if not BURST_NS_DEFAULT <= self.burst_ns <= BURST_NS_MAX:
            raise ValueError(f"burst_ns is {self.burst_ns}: 1000000 (1 ms) to 1000000000 (1 s) are possible")
        if not 1 <= self.sockets <= SOCKETS_MAX:
            raise ValueError(f"sockets is {self.sockets}: 1 to {SOCKETS_MAX} are possible")


class PlannedFlood(Struct, frozen=True, kw_only=True):
    """A flood with its times, ns from the start of the run, and the first of the consecutive ports that it goes to."""

    flood: Flood
    port: int
    start_ns: int
    end_ns: int
    whole_ns: int = 0
    """How long it was to last, where it is stopped before; 0: where not."""
