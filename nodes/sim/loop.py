"""Virtual time: events in the order of (time, priority, sequence), so that a run depends on its seed and on nothing else.

An event is a bound method with its arguments, never a closure: a whole world can be pickled, copied and gone on with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from typing import Any

CHANGE = 0
NORMAL = 1
MEASURE = 2
"""Of events at one time, changes of the world come first and measurements last."""

Action = Callable[..., None]
Pending = tuple[int, int, int, Action, tuple[Any, ...]]


class Loop:
    """A heap of events. `handled` counts those that were carried out."""

    __slots__ = ("_heap", "_sequence", "handled", "now_ns")

    def __init__(self) -> None:
        self.now_ns = 0
        self.handled = 0
        self._heap: list[Pending] = []
        self._sequence = 0

    def at(self, time_ns: int, act: Action, *args: Any) -> None:
        """`act(*args)` at `time_ns`, or now if that is past."""
        self._sequence += 1
        heappush(self._heap, (time_ns if time_ns > self.now_ns else self.now_ns, NORMAL, self._sequence, act, args))

    def at_rank(self, time_ns: int, priority: int, act: Action, *args: Any) -> None:
        """As `at`, among the events of that time by `priority`."""
        self._sequence += 1
        heappush(self._heap, (max(time_ns, self.now_ns), priority, self._sequence, act, args))

    def run_until(self, end_ns: int) -> None:
        """Carries out everything up to and including `end_ns`; then it is `end_ns`."""
        heap, handled = self._heap, 0
        while heap and heap[0][0] <= end_ns:
            time_ns, _, _, act, args = heappop(heap)
            self.now_ns = time_ns
            act(*args)
            handled += 1
        self.handled += handled
        self.now_ns = end_ns

    def keep(self, wanted: Callable[[Action], bool]) -> list[Pending]:
        """What is still to come, less those actions that are not `wanted`. Answers what there was: see `restore`."""
        before = self._heap
        self._heap = [pending for pending in before if wanted(pending[3])]
        heapify(self._heap)
        return before

    def restore(self, before: list[Pending]) -> None:
        """Undoes a `keep` since which no time has passed."""
        self._heap = before

    def pending(self) -> Iterator[Pending]:
        """What is still to come, in no particular order."""
        yield from self._heap
