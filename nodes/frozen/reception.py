"""What keeps a storage reply from being received, as far as figures and failed allocations of the log show it.

Nothing is guessed from a counter alone: an allocation that fails is an edge only while memory is short for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from nodes.eventkinds import Wait
from nodes.frozen.failures import place
from nodes.frozen.figures import Figures
from nodes.frozen.meminfo import NOT_FOR_DRIVERS, PAGE_KB, Memory
from nodes.frozen.stacks import Stack
from nodes.machine.waits import COPY, HEAD, KSWAPD, REFILL, REPLY, TRANSMIT
from nodes.machine.watermarks import Watermarks
from nodes.units import MS_NS, SECOND_NS, format_ns

SILENT_MS = 5000
"""So long without any packet is taken for a ring that nothing fills: drivers' watchdogs ring after 2 s (physics.md
section 4)."""
RECENT_US = 125_000_000
"""A reply that does not get in is sent again at least every 120 s (TCP_RTO_MAX, include/net/tcp.h), and fails again: older
failures may be over."""
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

    memory: Memory = Memory()
    failures: tuple[Stack, ...] = ()
    caches: dict[str, int | None] = {}
    """Slab caches that could not grow, and when ..."""
    cache_lines: tuple[int, ...] = ()
    """... and the lines that say so."""
    newest_us: int | None = None
    """When the tasks were seen blocked, or else the log's end."""
    now: Figures | None = None
    before: Figures | None = None
    """An older line: when progress stopped. Without it counters are taken since boot."""
    reclaiming: frozenset[str] = frozenset()
    """The waiters among whose tasks some reclaim."""

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
    failed = atomic and any(not stack.order and recent(stack.at_us, facts) for stack in facts.failures)
    if zones := [zone for zone in facts.memory.zones if zone.name not in NOT_FOR_DRIVERS]:
        gaps = [(zone.free - (zone.atomic_floor if atomic else zone.kernel_floor), zone) for zone in zones]
        gap, zone = max(gaps, key=lambda pair: pair[0])
        if gap <= 0:
            return Short(zone.free - gap + 1, zone.free, f"Mem-Info, zone {zone.name}")
        if not (failed and facts.memory.of_failure):
            return None
        return Short(zone.free + 1, zone.free, f"Mem-Info, zone {zone.name}: the allocation failed all the same")
    now = facts.now
    if now is None and failed:
        return Short(1, 0, "the allocation failed; how many pages were free does not stand in the log")
    if now is None or not 0 <= now.free <= now.min + now.boost:
        return None
    boosted = now.min + now.boost  # order-0 atomic requests alone ignore the boost
    unboosted = min(now.min, now.min_free_kb // PAGE_KB or now.min)
    floor = Watermarks(unboosted, now.low, now.high).atomic_floor if atomic else boosted
    return Short((floor if now.free <= floor else boosted) + 1, now.free, "telemetry, all zones together")


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
    if _HEAD_CACHE in facts.caches and recent(at_us := facts.caches[_HEAD_CACHE], facts):
        found[HEAD] = (at_us or 0, f"SLUB could not extend {_HEAD_CACHE}")
    for stack in facts.failures:
        failed = place(stack)
        if failed.way == "reception" and not stack.order and recent(stack.at_us, facts):
            shown = f"page allocation failure ({stack.mode}) at {failed.where}"
            found[failed.who] = (stack.at_us or 0, shown)
    for who, (_, shown) in sorted(found.items(), key=lambda one: -one[1][0]):
        yield who, shown


def recent(at_us: int | None, facts: Facts) -> bool:
    """Whether it may still be so."""
    return at_us is None or facts.newest_us is None or facts.newest_us - at_us <= RECENT_US
