"""What keeps a storage reply from being received, as far as figures and failed allocations of the log show it.

Nothing is guessed from a counter alone: an allocation that fails is an edge only while memory is short for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from nodes.frozen.figures import Figures
from nodes.frozen.meminfo import PAGE_KB, Zone
from nodes.frozen.shapes import has
from nodes.frozen.stacks import Stack, same
from nodes.machine.events import Wait
from nodes.machine.waits import COPY, HEAD, KSWAPD, REFILL, REPLY, TRANSMIT
from nodes.machine.watermarks import Watermarks
from nodes.units import MS_NS, SECOND_NS, format_ns

SILENT_MS = 5000
"""So long without any packet is taken for a ring that nothing fills: drivers' watchdogs ring after 2 s (physics.md
section 4)."""
_HEADS = ("napi_skb_cache_get", "__build_skb", "build_skb", "napi_build_skb", "slab_build_skb", "build_skb_around")
_HEADS_OR_DATA = ("__alloc_skb", "alloc_skb")
_CACHES = ("kmem_cache_alloc", "kmem_cache_alloc_node", "kmem_cache_alloc_bulk")
_DATA = ("kmalloc_reserve", "__kmalloc_reserve")
_COPIES = ("napi_alloc_skb", "__napi_alloc_skb")
_POLLS = ("__napi_poll", "net_rx_action", "napi_poll", "process_backlog")
RECENT_US = 125_000_000
"""A reply that does not get in is sent again at least every 120 s (TCP_RTO_MAX, include/net/tcp.h), and fails again: older
failures may be over."""
_HEAD_CACHE = "skbuff_head_cache"
_ALLOCATORS = tuple(
    map(
        same,
        (
            "dump_stack",
            "warn_alloc",
            "alloc_pages",
            "alloc_frozen_pages",
            "allocate_slab",
            "new_slab",
            "slab_alloc",
            "kmem_cache_alloc",
            "kmalloc",
            "page_frag_alloc",
            "page_frag_cache_refill",
        ),
    )
)
"""How functions of the page and slab allocators begin, without underscores."""
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
    caches: dict[str, int | None] = {}
    """Slab caches that could not grow, and when."""
    newest_us: int | None = None
    """Of the log's lines."""
    now: Figures | None = None
    before: Figures | None = None
    """An older line: when progress stopped. Without it counters are taken since boot."""

    def grown(self, name: str) -> int:
        """By how much a counter of the telemetry grew, as far as it is counted."""
        if self.now is None:
            return 0
        before = max(0, int(getattr(self.before, name))) if self.before else 0
        return max(0, int(getattr(self.now, name)) - before)


_FAILURES = {"fail_head": "packet heads", "fail_data": "packet data", "fail_page": "pages"}


def uncounted(facts: Facts) -> tuple[str, ...]:
    """Of what failed allocations are not counted in this kernel: nothing is known of them, which is not that none failed."""
    if facts.now is None:
        return ()
    return tuple(what for name, what in _FAILURES.items() if getattr(facts.now, name) < 0)


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
    unboosted = min(now.min, now.min_free_kb // PAGE_KB or now.min)
    floor = Watermarks(unboosted, now.low, now.high).atomic_floor if atomic else now.min
    return Short((floor if now.free <= floor else now.min) + 1, now.free, "telemetry, all zones together")


def edges(facts: Facts) -> Iterator[Wait]:
    """The reply's edges, those that grew most first, and for each what its provider waits for."""
    short = shortage(facts, atomic=True)
    if short is None:
        return
    failing = list(_failing(facts))
    for who, shown in failing:
        resource, why, source = _WHAT[who]
        yield Wait(REPLY, resource, 1, 0, who, f"{why}: {shown}", source)
        need = f"a page is to be had only when at least {short.need} are free in its zone"
        yield Wait(who, "free pages", short.need, short.have, KSWAPD, need, f"{short.source}; physics.md section 2")
    if not failing:
        yield from _refused(facts, short)


def _refused(facts: Facts, short: Short) -> Iterator[Wait]:
    """Replies that are received and thrown away: drivers that take pages from the reserve whoever asks mark the packet, and
    a socket that is not flagged may not have it, the block device's as little as another."""
    refused = facts.grown("block_drop")
    if facts.now is None or facts.before is None or facts.now.memalloc != 0 or not refused:
        return
    why = (
        f"{refused} packets of the block connection came since progress stopped, lay in the reserve and were refused, as its"
        f" socket is not flagged; one outside of it is to be had only when at least {short.need} pages are free in its zone"
    )
    source = f"telemetry, block_drop and memalloc; {short.source}; physics.md sections 3 and 4"
    yield Wait(REPLY, "free pages", short.need, short.have, KSWAPD, why, source)


def unacknowledged(facts: Facts) -> Iterator[Wait]:
    """What was sent on the block connection and is sent again and again waits for a packet, too."""
    now = facts.now
    if now is not None and now.retransmits and (waiting := now.snd_nxt - now.snd_una & 0xFFFFFFFF):
        why = f"{waiting} bytes are sent and not acknowledged, sent again {now.retransmits} times"
        yield Wait(TRANSMIT, "acknowledgements", waiting, 0, REPLY, why, "telemetry; physics.md section 1 step 7")


def _failing(facts: Facts) -> Iterator[tuple[str, str]]:
    """Who could not get memory on reception and how that is known, most failures first.

    A driver that copies loses a packet with each failure and counts it; one that fills its ring anew does not (own). Failed
    pages are the ring's only where heads and data are known not to have failed.
    """
    since = "since progress stopped" if facts.before else "since boot"
    heads, data, lost, silent = (
        facts.grown("fail_head"),
        facts.grown("fail_data"),
        facts.grown("rx_dropped"),
        _silent(facts),
    )
    filler = COPY if 2 * lost >= data else REFILL
    if not (uncounted(facts) or heads or data) and silent and (pages := facts.grown("fail_page")):
        yield REFILL, f"{pages} failed page allocations {since}, and {silent}"
    told = sorted(((count, who) for who, count in ((HEAD, heads), (filler, data)) if count), key=_weight, reverse=True)
    for count, who in told:
        yield who, f"{count} failures {since}" + (f", and {silent}" if silent else "")
    if not told:
        yield from _logged(facts)


def _weight(one: tuple[int, str]) -> int:
    """By which the first cause is chosen. A packet that lacks a head has landed, so a buffer was there: heads count double
    (own)."""
    count, who = one
    return 2 * count if who == HEAD else count


def _silent(facts: Facts) -> str:
    """Not empty when no packet at all has come for long."""
    if facts.now is None or facts.before is None or facts.now.t - facts.before.t < SILENT_MS:
        return ""
    if facts.grown("rx_packets") or facts.grown("rx_dropped"):
        return ""
    return f"no packet has come for {format_ns((facts.now.t - facts.before.t) * MS_NS // SECOND_NS * SECOND_NS)}"


def _logged(facts: Facts) -> Iterator[tuple[str, str]]:
    """Failures on reception that the log itself shows, the last of each kind; the newest kind first."""
    found: dict[str, tuple[int, str]] = {}
    if _HEAD_CACHE in facts.caches and _recent(at_us := facts.caches[_HEAD_CACHE], facts):
        found[HEAD] = (at_us or 0, f"SLUB could not extend {_HEAD_CACHE}")
    for stack in facts.failures:
        if (where := _in_driver(stack)) and _recent(stack.at_us, facts):
            who = HEAD if _lacks_head(stack) else COPY if has(stack, *_COPIES) else REFILL
            found[who] = (stack.at_us or 0, f"page allocation failure ({stack.mode}) at {where}")
    for who, (_, shown) in sorted(found.items(), key=lambda one: -one[1][0]):
        yield who, shown


def _recent(at_us: int | None, facts: Facts) -> bool:
    return at_us is None or facts.newest_us is None or facts.newest_us - at_us <= RECENT_US


def _lacks_head(stack: Stack) -> bool:
    if has(stack, *_HEADS):
        return True
    return bool(has(stack, *_HEADS_OR_DATA) and has(stack, *_CACHES)) and not has(stack, *_DATA)


def _in_driver(stack: Stack) -> str:
    """The frames from the page allocator down to the network's poll; empty when there are none: then somebody else
    allocates, or a probe hides who."""
    poll = has(stack, *_POLLS)
    if not poll:
        return ""
    above = stack.frames[: stack.frames.index(poll)]
    below = [frame for frame in above if not same(frame).lstrip("_").startswith(_ALLOCATORS)]
    return f"{' <- '.join(below[:3])} <- {poll}" if below else ""
