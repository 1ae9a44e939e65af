"""Tells when progress stops and when it comes back, with the wait-for cycle while it is there to be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from nodes.eventkinds import Recovered, Stalled, Wait
from nodes.units import SECOND_NS

STALLED_AFTER_NS = SECOND_NS
"""Longer than any pause of a machine that gets on: reclaim's longest sleep is 100 ms (physics.md section 2; own)."""
REPEAT_NS = 2 * SECOND_NS

Edges = Callable[[], Iterable[Wait]]


class Aged(Protocol):
    """What tells how old the last progress is: a machine's `Stats`, a real kernel's `Sample`."""

    @property
    def progress_age_ns(self) -> int: ...


class StallWatch:
    """Fed with each measurement; answers the events of that moment."""

    def __init__(self) -> None:
        self._said_ns: int | None = None
        self._longest_ns = 0

    def observe(self, stats: Aged, now_ns: int, waits: Edges, cycle: Edges) -> Iterator[Stalled | Recovered]:
        """`stall` once progress is older than STALLED_AFTER_NS and every REPEAT_NS while it stays so; `recovered` with the
        time it took when it is young again."""
        age_ns = stats.progress_age_ns
        if age_ns > STALLED_AFTER_NS:
            self._longest_ns = age_ns
            if self._said_ns is None or now_ns - self._said_ns >= REPEAT_NS:
                self._said_ns = now_ns
                yield Stalled(stalled_ns=age_ns, waits=tuple(waits()), cycle=tuple(cycle()))
        elif self._said_ns is not None:
            self._said_ns = None
            yield Recovered(stalled_ns=self._longest_ns)
