"""What Locust is asked to send: the swarm of a test, its form, and the sinks that take it. Pure.

Every flood is bounded in rate and time; addresses outside the benchmarking range and loopback are refused by the users
that carry it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import msgspec
from msgspec import Struct, structs

from nodes.config import SINK_PORT_FIRST, Sink
from nodes.errors import UsageError
from nodes.floods import RATE_PPS_MAX, Flood, FloodKind
from nodes.registry import did_you_mean
from nodes.units import parse_rate_pps, parse_size_bytes

DURATION_NS_MAX = 3600 * 1_000_000_000
DURATION_NS_DEFAULT = 60 * 1_000_000_000
"""A flood that nobody stops ends by itself after a minute (own)."""
RATE_DEFAULT, SIZE_DEFAULT = "20 kpps", "1400 B"
"""A flood that fills a machine's memory within a second, where nothing keeps it out: what somebody wants to see who
starts one without saying which."""
SECONDS_MAX = DURATION_NS_MAX // 1_000_000_000
SECONDS_DEFAULT = DURATION_NS_DEFAULT // 1_000_000_000


def goes(flood: Flood, t_ns: int) -> bool:
    """Whether `flood` is being sent at `t_ns` of the flood phase."""
    return flood.start_ns <= t_ns and (not flood.duration_ns or t_ns < flood.start_ns + flood.duration_ns)


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


USERS: dict[FloodKind, int] = {"udp": 2, "tcp": 2, "http": 2}
"""Locust users of each kind of junk: one per worker of the compose file. The rate is divided among them (own)."""
MIX = "mix"
"""What Locust's form calls a flood of every kind at once."""
WORDS: dict[FloodKind, str] = {"udp": "datagrams", "tcp": "streams", "http": "requests"}
FORM_SOCKETS_MAX = 512
"""As many as a container holds of a flood (own)."""
FLOODS_MAX = 8
"""At the same time (own)."""
USERS_MAX = 64
"""More sender loops only share the same cores (own)."""
DEFAULT_TARGETS = "initiator-data"
"""Name of all initiators together on the data network (compose/compose.yaml)."""


class Aimed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A flood of a swarm, and the first port it goes to. Its `start_ns` counts from the swarm's start; it ends after its
    `duration_ns`, or with the swarm (0)."""

    flood: Flood
    port: int

    @property
    def label(self) -> str:
        """Its name in Locust's statistics, or the beginning of it."""
        last = self.port + self.flood.sockets - 1
        return f"{WORDS[self.flood.kind]} to {self.port}{f'-{last}' if last > self.port else ''}"


class Swarm(Struct, frozen=True, kw_only=True):
    """What one test of Locust's sends, as asked in its web form, by curl, headless or by the controller. `parse_form` checks
    it."""

    floods: tuple[Aimed, ...]
    targets: tuple[str, ...]
    """Host names or addresses; each name stands for all its addresses."""
    seconds: int

    @property
    def kinds(self) -> tuple[FloodKind, ...]:
        """The kinds of junk in it, each once."""
        return tuple(dict.fromkeys(aimed.flood.kind for aimed in self.floods))

    def of(self, kind: FloodKind) -> tuple[Aimed, ...]:
        """Its floods of `kind`."""
        return tuple(aimed for aimed in self.floods if aimed.flood.kind == kind)


def form(floods: Sequence[Aimed], targets: tuple[str, ...], seconds: int) -> dict[str, str]:
    """The body of Locust's POST /swarm that starts `floods` at `targets` for `seconds`. One flood fills the fields that a
    person sees; several go as JSON."""
    users = str(sum(USERS[kind] for kind in dict.fromkeys(aimed.flood.kind for aimed in floods)))
    swarm = {"user_count": users, "spawn_rate": users, "targets": ",".join(targets), "seconds": str(seconds)}
    flood, port = floods[0].flood, floods[0].port
    if len(floods) > 1 or flood.start_ns or flood.duration_ns:
        return swarm | {"floods": msgspec.json.encode(floods).decode()}
    return swarm | {
        "kind": flood.kind,
        "rate": f"{flood.rate_pps} pps",
        "size": f"{flood.size_bytes} B",
        "sockets": str(flood.sockets),
        "port": str(port),
    }


def parse_form(fields: Mapping[str, str]) -> Swarm:
    """The swarm that `fields` ask for: the inverse of `form`. Raises UsageError, naming the field."""
    swarm = Swarm(
        floods=_several(fields["floods"]) if fields.get("floods") else _plain(fields),
        targets=tuple(fields.get("targets", DEFAULT_TARGETS).replace(",", " ").split()),
        seconds=_field(fields, "seconds", str(SECONDS_DEFAULT), lambda text: _whole(text, 1, SECONDS_MAX)),
    )
    if not swarm.targets:
        raise UsageError(f"targets: nobody is named: host names or addresses are needed, e.g. '{DEFAULT_TARGETS}'")
    return swarm


def check_users(kinds: Sequence[FloodKind], users: int) -> None:
    """Raises UsageError unless `users` Locust users can send `kinds`: as many of each, since they share its rate."""
    count = len(kinds)
    if not count <= users <= USERS_MAX or users % count:
        every = f", a multiple of {count}" if count > 1 else ""
        raise UsageError(
            f"user_count: {users} users cannot send {', '.join(kinds)}: {count} to {USERS_MAX}{every} are possible"
        )


def _plain(fields: Mapping[str, str]) -> tuple[Aimed, ...]:
    """One flood, or one of each kind, each with its part of the rate."""
    kind = fields.get("kind", "udp")
    if kind not in USERS and kind != MIX:
        raise UsageError(f"kind: unknown kind '{kind}' ({did_you_mean(kind, [*USERS, MIX])})")
    kinds = tuple(USERS) if kind == MIX else (cast(FloodKind, kind),)
    rate_pps = _field(fields, "rate", RATE_DEFAULT, parse_rate_pps)
    size_bytes = _field(fields, "size", SIZE_DEFAULT, parse_size_bytes)
    sockets = _field(fields, "sockets", "0", lambda text: _whole(text, 0, FORM_SOCKETS_MAX))
    port = _field(fields, "port", "0", lambda text: _whole(text, 0, 65_535))
    if kind == MIX and port:
        raise UsageError("port: a mix goes to each kind's own port: leave it 0")
    found = []
    for each in kinds:
        sink = default_sink(each)
        try:
            flood = Flood(kind=each, rate_pps=rate_pps, size_bytes=size_bytes, sockets=sockets or sink.sockets)
        except ValueError as error:
            raise UsageError(str(error)) from None
        share = structs.replace(flood, rate_pps=max(rate_pps // len(kinds), 1))
        found.append(_fitting(Aimed(flood=share, port=port or sink.port)))
    return tuple(found)


def _several(text: str) -> tuple[Aimed, ...]:
    try:
        found = msgspec.json.decode(text, type=tuple[Aimed, ...])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"floods: {error}") from None
    if not 1 <= len(found) <= FLOODS_MAX:
        raise UsageError(f"floods: {len(found)} at the same time: 1 to {FLOODS_MAX} are possible")
    rate_pps = sum(aimed.flood.rate_pps for aimed in found)
    if rate_pps > RATE_PPS_MAX:
        raise UsageError(f"floods: {rate_pps} packets a second together: at most {RATE_PPS_MAX} are possible")
    return tuple(map(_fitting, found))


def _fitting(aimed: Aimed) -> Aimed:
    if not 0 < aimed.port <= 65_536 - aimed.flood.sockets:
        most = 65_536 - aimed.flood.sockets
        raise UsageError(f"port is {aimed.port}: with {aimed.flood.sockets} sockets at most {most}")
    return aimed


def _field(fields: Mapping[str, str], name: str, default: str, parse: Callable[[str], int]) -> int:
    try:
        return parse(fields.get(name, default))
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def _whole(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise UsageError(f"'{text}' is not a whole number from {low} to {high}")
    return int(text)
