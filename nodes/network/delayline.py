"""A delay line for packets: what netem does, as a pure queue that a verdict loop holds packets in.

Rules follow net/sched/sch_netem.c: a lost packet is gone before it is delayed; a reordered packet skips the delay, so
it overtakes those that wait; jitter is uniform on delay +- jitter and may reorder too.
"""

from __future__ import annotations

from enum import Enum
from heapq import heappop, heappush
from random import Random
from typing import Generic, TypeVar

from nodes.config import OPEN_LINK, Shape

T = TypeVar("T")


class Passage(Enum):
    """What becomes of a packet at the entrance."""

    PASS = "pass"
    """Through at once."""
    LOST = "lost"
    """To be dropped."""
    HELD = "held"
    """Comes back from `DelayLine.due`."""


class DelayLine(Generic[T]):
    """Holds items for the delay, jitter, loss and reorder of a shape (other values do not concern it).

    The clock is the caller's: any nanoseconds that only grow. `random` makes a run repeatable.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._heap: list[tuple[int, int, T]] = []
        self._pushed = 0
        self.set(OPEN_LINK)

    def set(self, shape: Shape) -> None:
        """Applies `shape`, of which no used value may be None, to packets yet to come; what is held keeps its time."""
        assert None not in (shape.delay_ns, shape.jitter_ns, shape.loss_ratio, shape.reorder_ratio)
        self._delay_ns, self._jitter_ns = shape.delay_ns or 0, shape.jitter_ns or 0
        self._loss_ratio, self._reorder_ratio = shape.loss_ratio or 0.0, shape.reorder_ratio or 0.0

    @property
    def active(self) -> bool:
        """True while a packet may be held or lost."""
        return bool(self._delay_ns or self._jitter_ns or self._loss_ratio)

    @property
    def held(self) -> int:
        """How many are held."""
        return len(self._heap)

    @property
    def idle(self) -> bool:
        """True while the line does nothing and holds nothing: a pump may leave it out, and settle in batches."""
        return not (self._heap or self.active)

    def push(self, item: T, now_ns: int) -> Passage:
        """Takes an item in; only a HELD one is kept."""
        if self._happens(self._loss_ratio):
            return Passage.LOST
        wait_ns = 0 if self._happens(self._reorder_ratio) else self._wait_ns()
        if wait_ns <= 0:
            return Passage.PASS
        heappush(self._heap, (now_ns + wait_ns, self._pushed, item))
        self._pushed += 1
        return Passage.HELD

    def due(self, now_ns: int) -> list[T]:
        """Takes out all whose time has come, in the order of their times."""
        heap, items = self._heap, []
        while heap and heap[0][0] <= now_ns:
            items.append(heappop(heap)[2])
        return items

    def next_ns(self) -> int | None:
        """When the next is due; None while nothing is held."""
        return self._heap[0][0] if self._heap else None

    def drain(self) -> list[T]:
        """Takes out everything at once, in order of time."""
        items = [item for _, _, item in sorted(self._heap, key=lambda entry: entry[:2])]
        self._heap.clear()
        return items

    def _wait_ns(self) -> int:
        if not self._jitter_ns:
            return self._delay_ns
        return self._delay_ns + self._random.randint(-self._jitter_ns, self._jitter_ns)

    def _happens(self, ratio: float) -> bool:
        return ratio > 0 and self._random.random() < ratio
