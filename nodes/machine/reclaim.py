"""Reclaim: kswapd, direct reclaim with its throttle, and the out-of-memory killer.

Every page of the working set is dirty, so reclaim means writing to the swap device (physics.md section 2: slow path order,
throttle_direct_reclaim, kswapd).
"""

from __future__ import annotations

from nodes.machine.block import BlockInitiator
from nodes.machine.events import Decision
from nodes.machine.pages import PagePool
from nodes.machine.workload import Task, TaskState, Workload
from nodes.units import MS_NS

SWAP_CLUSTER_MAX = 32
"""Pages of one reclaim batch (include/linux/swap.h)."""
WRITEBACK_SLEEP_NS = 100 * MS_NS
"""reclaim_throttle for writeback: HZ/10 (physics.md section 2)."""
MAX_RECLAIM_RETRIES = 16
"""Rounds without progress, after which the next ends with the OOM killer, whatever could still be reclaimed
(should_reclaim_retry, mm/page_alloc.c of 6.1 and 6.12). kswapd gives up after as many, and that ends the throttle
(allow_direct_reclaim, mm/vmscan.c). Physics.md section 2."""


class Reclaim:
    """Who makes pages free. `awake` is kswapd's state."""

    def __init__(self, pool: PagePool, block: BlockInitiator, workload: Workload) -> None:
        self.pool, self.block, self.workload = pool, block, workload
        self.awake = False
        self.oom_kills = 0
        self._kswapd_blocked = False
        """It waits for a bio or a tag."""

    def run(self, now_ns: int, out: list[Decision]) -> bool:
        """kswapd, then every task in direct reclaim whose round has come. True when the OOM killer must act."""
        if self.block.unsent:
            self.block.send(now_ns, out)
            self._relay(now_ns, out)
        self.wake()
        if self.awake:
            self._kswapd(now_ns, out)
        hopeless = False
        for task in self.workload.tasks:
            if task.state is TaskState.NEEDS_FRAME and now_ns >= task.retry_ns and not self.workload.dead:
                hopeless |= self._direct(task, now_ns, out)
        return hopeless

    def _relay(self, now_ns: int, out: list[Decision]) -> None:
        """The process that carries requests found no page: it reclaims as any task, unless it has said what it is."""
        relay = self.block.relay
        if relay is None or relay.flusher or relay.stuck or not self.block.unsent or self.throttled():
            return
        self._shrink(SWAP_CLUSTER_MAX - self.block.writes, now_ns, out)

    def _kswapd(self, now_ns: int, out: list[Decision]) -> None:
        if self.pool.free >= self.pool.marks.high_pages:
            self.awake = False
            self.pool.calm()
            return
        self._kswapd_blocked = not self._shrink(self._to_write(), now_ns, out)

    def _to_write(self) -> int:
        """Pages under writeback are not free yet: one batch beyond what is missing keeps the disk busy (own)."""
        return self.pool.marks.high_pages - self.pool.free + SWAP_CLUSTER_MAX - self.block.writes

    def wake(self) -> None:
        """Wakes kswapd, where an allocation found too few pages."""
        if self.pool.kswapd_wanted:
            self.pool.kswapd_wanted, self.awake = False, True

    def wants_to_write(self) -> bool:
        """Is kswapd about to write a page, while there is memory for its bio?"""
        if not self.awake or self.pool.free >= self.pool.marks.high_pages or self._to_write() <= 0:
            return False
        return bool(self.workload.resident) and self.block.has_tag()

    def write_one(self, now_ns: int, out: list[Decision]) -> None:
        """kswapd's turn: one more page is to be written."""
        self._shrink(1, now_ns, out)

    def _direct(self, task: Task, now_ns: int, out: list[Decision]) -> bool:
        """One round of direct reclaim, for a task that needs a frame. True when it was one too many without progress. Who
        sleeps for a bio or a tag, or is throttled until kswapd gets somewhere, ends no round: this, and not that pages are
        under writeback, keeps the OOM killer away from a machine that hangs."""
        task.retry_ns = now_ns + WRITEBACK_SLEEP_NS
        self.awake = True
        idle, asleep = task.freed_pages == self.workload.swap_out_pages, task.answered == self.block.answered
        task.freed_pages, task.answered = self.workload.swap_out_pages, self.block.answered
        if self.throttled() and task.rounds <= MAX_RECLAIM_RETRIES:
            blocked = asleep and self._kswapd_blocked
        else:
            # A batch on its way is waited for, unless nothing comes back: every round scans for as many again.
            under_way = 0 if idle else self.block.writes
            blocked = not self._shrink(SWAP_CLUSTER_MAX - under_way, now_ns, out) and asleep
        if not blocked:
            task.rounds = task.rounds + 1 if idle else 0
        return task.rounds > MAX_RECLAIM_RETRIES and not blocked

    def throttled(self) -> bool:
        """throttle_direct_reclaim: user tasks wait while free pages are at or below half of min."""
        return self.pool.free <= self.pool.marks.throttle_floor

    def _shrink(self, pages: int, now_ns: int, out: list[Decision]) -> bool:
        """Sends up to `pages` of the longest untouched pages to the swap device. False when a bio or a tag is waited for."""
        resident = self.workload.resident
        while pages > 0 and resident:
            page = next(iter(resident))
            if not self.block.start(page, self.workload.generations[page], True, now_ns, out):
                return False
            del resident[page]
            self.workload.to_writeback(page)
            pages -= 1
        return True
