"""What a flood is: the record that scenarios, Locust's form and the controller share. Pure.

Every flood is bounded in rate and time; addresses outside the benchmarking range and loopback are refused by the users
that carry it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, cast

from msgspec import Struct

from nodes.config import SINK_PORT_FIRST, SOCKETS_MAX, Reader, Sink
from nodes.errors import UsageError
from nodes.registry import did_you_mean
from nodes.units import parse_rate_pps, parse_size_bytes

FloodKind = Literal["udp", "tcp", "http"]
SwarmKind = Literal["udp", "tcp", "http", "mix"]
RATE_PPS_MAX = 200_000
"""More than one core can send here; a bound, not a target (own)."""
DURATION_NS_MAX = 3600 * 1_000_000_000
DURATION_NS_DEFAULT = 60 * 1_000_000_000
"""A flood that nobody stops ends by itself after a minute (own)."""
BURST_NS_DEFAULT, BURST_NS_MAX = 1_000_000, 1_000_000_000
"""A millisecond: twenty packets at 20 kpps, one NAPI poll. A second: no sender bunches longer (own)."""
SECONDS_MAX = DURATION_NS_MAX // 1_000_000_000
SECONDS_DEFAULT = DURATION_NS_DEFAULT // 1_000_000_000


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

    def __post_init__(self) -> None:
        if not 1 <= self.rate_pps <= RATE_PPS_MAX:
            raise ValueError(f"rate_pps is {self.rate_pps}: 1 to {RATE_PPS_MAX} are possible")
        if not 1 <= self.size_bytes <= 65_000:
            raise ValueError(f"size_bytes is {self.size_bytes}: 1 to 65000 are possible")
        if not BURST_NS_DEFAULT <= self.burst_ns <= BURST_NS_MAX:
            raise ValueError(f"burst_ns is {self.burst_ns}: 1000000 (1 ms) to 1000000000 (1 s) are possible")
        if not 1 <= self.sockets <= SOCKETS_MAX:
            raise ValueError(f"sockets is {self.sockets}: 1 to {SOCKETS_MAX} are possible")


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


DEFAULT_SINKS = (
    Sink(kind="udp", port=SINK_PORT_FIRST, sockets=4, reader="stalled", rcvbuf_bytes=4 << 20),
    Sink(kind="tcp", port=SINK_PORT_FIRST + 100),
    Sink(kind="http", port=SINK_PORT_FIRST + 200),
)
"""What an initiator opens when no scenario says otherwise, so that a flood started by hand meets somebody."""


def default_sink(kind: FloodKind) -> Sink:
    """The one of DEFAULT_SINKS that takes junk of `kind`."""
    return next(sink for sink in DEFAULT_SINKS if sink.kind == kind)


USERS = {"udp": 2, "tcp": 2, "http": 2, "mix": 6}
"""Locust users of a flood: one per worker of the compose file and kind. The rate is divided among them (own)."""
USERS_MAX = 64
"""More sender loops only share the same cores (own)."""
DEFAULT_TARGETS = "initiator-data"
"""Name of all initiators together on the data network (compose/compose.yaml)."""


class Swarm(Struct, frozen=True, kw_only=True):
    """A flood as Locust is asked for it, in its web form, by curl, headless or by the controller. `parse_form` checks it."""

    kind: SwarmKind
    rate_pps: int
    size_bytes: int
    sockets: int
    """As in Flood; 0: as many as the kind's default sink has."""
    port: int
    """First sink port; 0: that of the kind's default sink."""
    targets: tuple[str, ...]
    """Host names or addresses; each name stands for all its addresses."""
    seconds: int

    def flood(self, kind: FloodKind) -> tuple[Flood, int]:
        """What the users of `kind` send, and to which first port. The rate is that of all kinds together."""
        sink = default_sink(kind)
        flood = Flood(
            kind=kind, rate_pps=self.rate_pps, size_bytes=self.size_bytes, sockets=self.sockets or sink.sockets
        )
        return flood, self.port or sink.port


def kinds_of(kind: SwarmKind) -> tuple[FloodKind, ...]:
    """The kinds of junk that a swarm sends."""
    return ("udp", "tcp", "http") if kind == "mix" else (kind,)


def form(flood: Flood, targets: tuple[str, ...], seconds: int, port: int = 0) -> dict[str, str]:
    """The body of Locust's POST /swarm that starts `flood` at `targets` for `seconds`. `port` is the flood's first sink
    port (`sinks_of`); 0: the default sink's."""
    users = str(USERS[flood.kind])
    return {
        "user_count": users,
        "spawn_rate": users,
        "kind": flood.kind,
        "rate": f"{flood.rate_pps} pps",
        "size": f"{flood.size_bytes} B",
        "sockets": str(flood.sockets),
        "port": str(port),
        "targets": ",".join(targets),
        "seconds": str(seconds),
    }


def parse_form(fields: Mapping[str, str]) -> Swarm:
    """The swarm that `fields` ask for: the inverse of `form`. Raises UsageError, naming the field."""
    kind = fields.get("kind", "udp")
    if kind not in USERS:
        raise UsageError(f"kind: unknown kind '{kind}' ({did_you_mean(kind, USERS)})")
    swarm = Swarm(
        kind=cast(SwarmKind, kind),
        rate_pps=_field(fields, "rate", "1 kpps", parse_rate_pps),
        size_bytes=_field(fields, "size", "1400 B", parse_size_bytes),
        sockets=_field(fields, "sockets", "0", lambda text: _whole(text, 0, 512)),
        port=_field(fields, "port", "0", lambda text: _whole(text, 0, 65_535)),
        targets=tuple(fields.get("targets", DEFAULT_TARGETS).replace(",", " ").split()),
        seconds=_field(fields, "seconds", str(SECONDS_DEFAULT), lambda text: _whole(text, 1, SECONDS_MAX)),
    )
    return _checked(swarm)


def check_users(kind: SwarmKind, users: int) -> None:
    """Raises UsageError unless `users` Locust users can send `kind`."""
    fewest = len(kinds_of(kind))
    if not fewest <= users <= USERS_MAX:
        raise UsageError(f"user_count: {users} users cannot send {kind}: {fewest} to {USERS_MAX} are possible")


def _checked(swarm: Swarm) -> Swarm:
    if not swarm.targets:
        raise UsageError(f"targets: nobody is named: host names or addresses are needed, e.g. '{DEFAULT_TARGETS}'")
    if swarm.kind == "mix" and swarm.port:
        raise UsageError("port: a mix goes to each kind's own port: leave it 0")
    try:
        for kind in kinds_of(swarm.kind):
            flood, port = swarm.flood(kind)
            if port + flood.sockets > 65_536:
                raise ValueError(f"port is {port}: with {flood.sockets} sockets at most {65_536 - flood.sockets}")
    except ValueError as error:
        raise UsageError(str(error)) from None
    return swarm


def _field(fields: Mapping[str, str], name: str, default: str, parse: Callable[[str], int]) -> int:
    try:
        return parse(fields.get(name, default))
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def _whole(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise UsageError(f"'{text}' is not a whole number from {low} to {high}")
    return int(text)
