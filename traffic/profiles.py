"""What a flood is: the record that scenarios, Locust's form and the controller share. Pure.

Every flood is bounded in rate and time; addresses outside the benchmarking range and loopback are refused by the users
that carry it out.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from nodes.config import SINK_PORT_FIRST, Reader, Sink

FloodKind = Literal["udp", "tcp", "http"]
RATE_PPS_MAX = 200_000
"""More than one core can send here; a bound, not a target (own)."""
DURATION_NS_MAX = 3600 * 1_000_000_000
DURATION_NS_DEFAULT = 60 * 1_000_000_000
"""A flood that nobody stops ends by itself after a minute (own)."""


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

    def __post_init__(self) -> None:
        if not 1 <= self.rate_pps <= RATE_PPS_MAX:
            raise ValueError(f"rate_pps is {self.rate_pps}: 1 to {RATE_PPS_MAX} are possible")
        if not 1 <= self.size_bytes <= 65_000:
            raise ValueError(f"size_bytes is {self.size_bytes}: 1 to 65000 are possible")
        if not 1 <= self.sockets <= 512:
            raise ValueError(f"sockets is {self.sockets}: 1 to 512 are possible")


def sinks_of(floods: tuple[Flood, ...]) -> tuple[Sink, ...]:
    """The sinks that every initiator opens for `floods`, on consecutive ports from SINK_PORT_FIRST, in their order."""
    sinks: list[Sink] = []
    port = SINK_PORT_FIRST
    for flood in floods:
        sinks.append(
            Sink(
                kind=flood.kind, port=port, sockets=flood.sockets, reader=flood.reader, rcvbuf_bytes=flood.rcvbuf_bytes
            )
        )
        port += flood.sockets
    return tuple(sinks)
