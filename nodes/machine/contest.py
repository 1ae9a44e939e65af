"""Who gets the next free page while pages are scarce: tasks, kswapd and the sender take turns.

The page allocator has no queue: a free page goes to whoever asks next, and all who were refused ask again in their own time.
A task in direct reclaim, and a sender whose send may sleep, go round the same loop (`__alloc_pages_slowpath`,
mm/page_alloc.c), so that neither is faster than the other; kswapd writes, and asks for a bio, whenever one comes back
(`mempool_alloc`, mm/mempool.c). So by default each turn is drawn for, with one ticket for everybody who wants one at that
moment, as the scheduler treats them. The other rules are there to see how much hangs on it (own).

Chance is asked only where it decides something: while the sender is among them and must stop at min; else the same shares
come evenly.

It is held where the sender must stop at min like the others. One that may go to 0 has what it needs whoever comes first, and
so has a local disk; a process that sends (`relay`) is modelled at its best, and served first.

A turn is one allocation of the sender, one page that kswapd begins to write, or one touch of a task. Pages are scarce below
high, where kswapd is awake; above it whoever asks gets one, in whatever order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nodes.config import ContestRule
from nodes.machine.block import BlockInitiator
from nodes.machine.events import Decision
from nodes.machine.pages import PagePool
from nodes.machine.reclaim import Reclaim
from nodes.machine.workload import Workload

Luck = Callable[[], float]
"""Numbers from 0 up to 1."""
SENDER: Final = -2
KSWAPD: Final = -1
TURNS_MAX = 1024
"""Of one poll: touches of pages that are there anyway are turns, too (own)."""
GOLDEN_RATIO = 0.6180339887498949


class Even:
    """Evenly spread numbers, without chance: the golden ratio's multiples (Weyl)."""

    def __init__(self) -> None:
        self.last = 0.0

    def __call__(self) -> float:
        self.last = (self.last + GOLDEN_RATIO) % 1.0
        return self.last


class Contest:
    """Lets the waiters of one machine take turns."""

    def __init__(
        self, rule: ContestRule, luck: Luck, pool: PagePool, block: BlockInitiator, workload: Workload, reclaim: Reclaim
    ) -> None:
        self.rule, self._luck, self._even = rule, luck, Even()
        self.pool, self.block, self.workload, self.reclaim = pool, block, workload, reclaim
        self.turns = 0
        """Taken so far."""
        self._served: dict[int, int] = {}
        """Who had a turn, and which was the last."""

    def settle(self, now_ns: int, out: list[Decision]) -> None:
        """Lets all take turns until there is no page above min, nobody wants one, or pages are no longer scarce."""
        pool, block, left = self.pool, self.block, TURNS_MAX
        if not block.held_to_min:
            return
        block.contested = True
        while left and pool.marks.kernel_floor < pool.free <= pool.marks.high_pages:
            left -= 1
            waiting = self._waiting(now_ns)
            if not waiting:
                break
            self._turn(self._winner(waiting), now_ns, out)
        block.contested = False

    def signature(self) -> tuple[object, ...]:
        """Moves with every turn: while it stands, nothing else here has changed."""
        return (self.turns,)

    def _waiting(self, now_ns: int) -> list[int]:
        """Who wants a turn."""
        self.reclaim.wake()
        waiting = [SENDER] if self.block.wants_memory() else []
        if self.reclaim.wants_to_write():
            waiting.append(KSWAPD)
        waiting.extend(self.workload.wanting(now_ns))
        return waiting

    def _winner(self, waiting: list[int]) -> int:
        """`waiting` has the sender first, then kswapd, then the tasks in their order."""
        match self.rule:
            case "lottery":
                number = self._luck() if waiting[0] == SENDER and self.block.stops_at_min() else self._even()
                return waiting[int(number * len(waiting))]
            case "oldest":
                return min(waiting, key=lambda who: self._served.get(who, -1))
            case "tasks":
                return next((who for who in waiting if who >= 0), waiting[0])
            case "sender":
                return waiting[0]

    def _turn(self, who: int, now_ns: int, out: list[Decision]) -> None:
        self.turns += 1
        self._served[who] = self.turns
        if who == SENDER:
            self.block.send_piece(now_ns, out)
        elif who == KSWAPD:
            self.reclaim.write_one(now_ns, out)
        else:
            self.workload.turn(who, now_ns, out)
