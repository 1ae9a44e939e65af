"""What keeps a storage reply from being received, as far as figures and failed allocations of the log show it.

Nothing is guessed from a counter alone: an allocation that fails is an edge only while memory is short for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from nodes.kernel.autopsy.meminfo import Zone
from nodes.kernel.autopsy.shapes import has, top
from nodes.kernel.autopsy.stacks import Stack
from nodes.kernel.protocol import Telemetry
from nodes.machine.events import Wait
from nodes.machine.waits import COPY, HEAD, KSWAPD, REFILL, REPLY, TRANSMIT
from nodes.machine.watermarks import Watermarks
from nodes.units import MS_NS, SECOND_NS, format_ns

SILENT_MS = 5000
"""So long without any packet is taken for a ring that nothing fills: drivers' watchdogs ring after 2 s (physics.md
section 4)."""
_HEADS = ("napi_skb_cache_get", "__build_skb", "build_skb", "napi_build_skb", "slab_build_skb", "build_skb_around")
_COPIES = ("napi_alloc_skb", "__napi_alloc_skb")
_POLLS = ("__napi_poll", "net_rx_action", "napi_poll", "process_backlog")
_HEAD_CACHE = "skbuff_head_cache"
_WHAT = {
    HEAD: (
        "packet heads",
        "no sk_buff head could be had for a packet",
        "physics.md section 3, the hole nobody advertises",
    ),
    COPY: (
        "packet copies",
        "the driver could not get memory to pass a packet up",
        "physics.md section 4, drivers that copy",
    ),
    REFILL: (
        "receive buffers",
        "the driver could not get buffers for its ring",
        "physics.md section 1 step 8",
    ),
}


class Facts(Struct, frozen=True):
    """What was found beside the tasks."""

    zones: tuple[Zone, ...] = ()
    failures: tuple[Stack, ...] = ()
    caches: frozenset[str] = frozenset()
    now: Telemetry | None = None
    before: Telemetry | None = None
    """An older line: when progress stopped. Without it counters are taken since boot."""

    def grown(self, name: str) -> int:
        """By how much a counter of the telemetry grew."""
        if self.now is None:
            return 0
        return max(0, int(getattr(self.now, name)) - (int(getattr(self.before, name)) if self.before else 0))


class Short(Struct, frozen=True):
    """Memory is short: `have` pages are free, `need` would do."""

    need: int
    have: int
    source: str


def shortage(facts: Facts, *, atomic: bool) -> Short | None:
    """What a packet's allocation (`atomic`), or an ordinary one, lacks; None when it would succeed or nobody knows.

    By Mem-Info when there is one: the zone that is nearest. Telemetry knows only the sums of all zones, of which the small
    zone's share is of no use to others; so there the mark is min itself.
    """
    if facts.zones:
        gaps = [(zone.free - (zone.atomic_floor if atomic else zone.kernel_floor), zone) for zone in facts.zones]
        gap, zone = max(gaps, key=lambda pair: pair[0])
        return None if gap > 0 else Short(zone.free - gap + 1, zone.free, f"Mem-Info, zone {zone.name}")
    now = facts.now
    if now is None or not 0 <= now.free <= now.min:
        return None
    floor = Watermarks(now.min, now.low, now.high).atomic_floor if atomic else now.min
    return Short((floor if now.free <= floor else now.min) + 1, now.free, "telemetry, all zones together")


def edges(facts: Facts) -> Iterator[Wait]:
    """The reply's edges, those that grew most first, and for each what its provider waits for."""
    short = shortage(facts, atomic=True)
    if short is None:
        return
    for who, shown in _failing(facts):
        resource, why, source = _WHAT[who]
        yield Wait(REPLY, resource, 1, 0, who, f"{why}: {shown}", source)
        need = f"a page is to be had only when at least {short.need} are free in its zone"
        yield Wait(who, "free pages", short.need, short.have, KSWAPD, need, f"{short.source}; physics.md section 2")


def unacknowledged(facts: Facts) -> Iterator[Wait]:
    """What was sent on the block connection and is sent again and again waits for a packet, too."""
    now = facts.now
    if now is not None and now.retransmits and (waiting := now.snd_nxt - now.snd_una & 0xFFFFFFFF):
        why = f"{waiting} bytes are sent and not acknowledged, sent again {now.retransmits} times"
        yield Wait(TRANSMIT, "acknowledgements", waiting, 0, REPLY, why, "telemetry; physics.md section 1 step 7")


def _failing(facts: Facts) -> Iterator[tuple[str, str]]:
    """Who could not get memory on reception and how that is known, most failures first.

    A driver that copies loses a packet with each failure and counts it; one that fills its ring anew does not (own).
    """
    since = "since progress stopped" if facts.before else "since boot"
    heads, data, lost, silent = (
        facts.grown("fail_head"),
        facts.grown("fail_data"),
        facts.grown("rx_dropped"),
        _silent(facts),
    )
    filler = COPY if 2 * lost >= data else REFILL
    if not heads and not data and silent and (pages := facts.grown("fail_page")):
        yield REFILL, f"{pages} failed page allocations {since}, and {silent}"
    told = sorted(((count, who) for who, count in ((HEAD, heads), (filler, data)) if count), key=_ring_first)
    for count, who in told:
        yield who, f"{count} failures {since}" + (f", and {silent}" if silent else "")
    if not told:
        yield from _logged(facts)


def _ring_first(one: tuple[int, str]) -> tuple[bool, int]:
    count, who = one
    return who != REFILL, -count


def _silent(facts: Facts) -> str:
    """Not empty when no packet at all has come for long."""
    if facts.now is None or facts.before is None or facts.now.t - facts.before.t < SILENT_MS:
        return ""
    if facts.grown("rx_packets") or facts.grown("rx_dropped"):
        return ""
    return f"no packet has come for {format_ns((facts.now.t - facts.before.t) * MS_NS // SECOND_NS * SECOND_NS)}"


def _logged(facts: Facts) -> Iterator[tuple[str, str]]:
    """Failures on reception that the log itself shows, the last of each kind."""
    found: dict[str, str] = {}
    if _HEAD_CACHE in facts.caches:
        found[HEAD] = f"SLUB could not extend {_HEAD_CACHE}"
    for stack in facts.failures:
        if not (poll := has(stack, *_POLLS)):
            continue
        who = HEAD if has(stack, *_HEADS) else COPY if has(stack, *_COPIES) else REFILL
        found[who] = f"page allocation failure ({stack.mode}) at {top(_below_allocator(stack), 2)} <- {poll}"
    yield from found.items()


def _below_allocator(stack: Stack) -> Stack:
    """The stack from the first frame that belongs to the network on."""
    start = next((i for i, frame in enumerate(stack.frames) if "[" in frame or "skb" in frame or "frag" in frame), 0)
    return Stack(stack.kind, stack.name, frames=stack.frames[start:])
