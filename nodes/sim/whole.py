"""The whole state of a machine and its connection as one value: every attribute of every object, which of them stands where,
and what is still to come.

Left out are counters that nobody asks, and what only delays: links, the disk, the clock. A new attribute is part of
the state until somebody lists it here: what is forgotten may hide a proof, and makes none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from enum import Enum
from random import Random
from types import MethodType
from typing import Any

from msgspec import Struct

from nodes.machine.machine import APP_STALLED_NS

COUNTERS = frozenset({
    "_allocations", "_cross_cpu_releases", "_next", "_pages_returned", "_refused", "_releases", "alloc_failures",
    "allocations", "block_drops", "early_drops", "junk_packets", "lowest", "missed", "no_buffer_drops", "oom_kills",
    "progress_pages", "rcvbuf_drops", "retransmissions", "rx_packets", "swap_in_pages", "swap_out_pages", "tries",
})  # fmt: skip
"""They only tell what has been, or what the next one will be called. `tries` decides when TCP gives up, which in a proof it
never does."""
DELAYS = frozenset({"_clock", "_emit", "_far", "_initiator", "_loop", "_near", "_target"})
"""They lead out of the machine and its connection."""
MOMENTS = frozenset({
    "_ack_due_ns", "_deadline_ns", "_fast_ns", "_wake_ns", "deadline_ns", "last_progress_ns", "next_ns", "retry_ns",
    "watchdog_due_ns", "worker_due_ns",
})  # fmt: skip
"""Times of the clock: they count from now."""
DURATIONS = frozenset({"_rtt_ns", "interval_ns", "rto_ns", "watchdog_ns"})
PAST_NS = APP_STALLED_NS
"""What is past for longer makes no difference: the longest time that the machine looks back."""
PLAIN = (int, str, float, bytes, Enum, Struct, type(None))


def whole_state(roots: Iterable[object], now_ns: int) -> tuple[object, ...]:
    """Hashable; equal for equal states, wherever they are kept. Objects are numbered in the order in which they are met."""
    return tuple(_Walk(now_ns).over(roots))


class _Walk:
    """One traversal; `met`: the number of each object, which is kept alive so that no other takes its place."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self._met: dict[int, tuple[int, object]] = {}

    def over(self, values: Iterable[object]) -> Iterator[object]:
        for value in values:
            yield from self._of(value)

    def _of(self, value: Any) -> Iterator[object]:
        if isinstance(value, PLAIN):
            yield value
            return
        known = self._met.get(id(value))
        if known is not None:
            yield "#", known[0]
            return
        self._met[id(value)] = len(self._met), value
        yield type(value).__name__
        if isinstance(value, MethodType):
            yield value.__name__
            yield from self._of(value.__self__)
        elif isinstance(value, bytearray):
            yield bytes(value)
        elif isinstance(value, Random):
            yield value.getstate()
        elif isinstance(value, dict):
            yield from self._row(value)
            yield from self._row(value.values())
        elif isinstance(value, (list, tuple, deque)):
            yield from self._row(value)
        elif isinstance(value, (set, frozenset)):
            yield from self._row(sorted(value))
        else:
            yield from self._attributes(value)

    def _row(self, values: Iterable[object]) -> Iterator[object]:
        row = tuple(values)
        yield len(row)
        if all(type(value) in (int, type(None)) for value in row):
            yield row
        else:
            yield from self.over(row)

    def _attributes(self, value: object) -> Iterator[object]:
        for name in attributes_of(value):
            if name in COUNTERS or name in DELAYS:
                continue
            found = getattr(value, name)
            if name in MOMENTS and found is not None:
                found = max(found - self._now_ns, -PAST_NS)
            yield name
            yield from self._of(found)


def attributes_of(value: object) -> list[str]:
    """Names of an object's attributes, compiled or not, with slots or without."""
    names: dict[str, None] = {}
    for kind in type(value).__mro__:
        names |= dict.fromkeys(getattr(kind, "__mypyc_attrs__", ()))
        names |= dict.fromkeys(kind.__dict__.get("__slots__", ()))
    names |= dict.fromkeys(getattr(value, "__dict__", ()))
    return sorted(name for name in names if not name.startswith("__") and hasattr(value, name))
