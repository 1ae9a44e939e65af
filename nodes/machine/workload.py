"""The application: tasks that dirty a working set larger than memory, page after page, in one loop.

The tasks share one cursor, so that the next page is always the one that was untouched longest: while memory is short it
is never there by luck. The first pass populates the set, as fast as memory allows. Touching a page that is not resident
needs a frame (GFP_HIGHUSER: above min) and, if the page was swapped out before, a read. A task without a frame enters
direct reclaim (`reclaim`).
"""

from __future__ import annotations

from collections import OrderedDict
from enum import IntEnum
from typing import Final

from nodes.machine.block import BlockInitiator
from nodes.machine.events import Decision, Touch
from nodes.machine.pages import PagePool
from nodes.units import MS_NS, SECOND_NS

BURST_TOUCHES_MAX = 256
"""Touches of one poll, so that a driver's loop stays fair (own)."""
CATCH_UP_NS_MAX = 20 * MS_NS
"""A task that was late may make up for this much time, not more: a stall is not followed by a burst (own)."""


class PageState:
    """Where a page of the working set is. Plain numbers: they are kept as bytes."""

    ABSENT: Final = 0
    RESIDENT: Final = 1
    WRITEBACK: Final = 2
    SWAPPED: Final = 3
    READING: Final = 4


class TaskState(IntEnum):
    """What a task is doing."""

    RUNNING = 0
    READING = 1
    """Waits for its page to come back."""
    NEEDS_FRAME = 2
    """In direct reclaim."""
    NEEDS_BIO = 3
    """Has its frame, and waits for a bio or tag to read with."""
    WRITEBACK = 4
    """Waits for the page to be written before it can be read back."""


class Task:
    """One thread of the application, at work on `page`."""

    __slots__ = ("answered", "freed_pages", "page", "retry_ns", "rounds", "state")

    def __init__(self) -> None:
        self.page: int | None = None
        self.state = TaskState.RUNNING
        self.retry_ns = 0
        """Next round of direct reclaim."""
        self.rounds = 0
        """Rounds of direct reclaim without progress."""
        self.freed_pages = self.answered = 0
        """Pages that had been freed, and requests answered, when its last round began."""


class Workload:
    """Tasks and the pages they touch."""

    def __init__(
        self, pool: PagePool, block: BlockInitiator, pages: int, tasks: int, touch_pages_per_s: int, now_ns: int
    ) -> None:
        self.pool, self.block = pool, block
        self.states = bytearray(pages)
        self.generations = [0] * pages
        self.resident: OrderedDict[int, None] = OrderedDict()
        """Pages in memory and not under writeback, the longest untouched first. All are dirty: every touch writes."""
        self.frames = 0
        """Frames held: resident, under writeback and being read."""
        self.tasks = [Task() for _ in range(min(tasks, pages))]
        self._awaited: set[int] = set()
        """Pages under writeback that a task waits for."""
        self.cursor = 0
        self.next_ns = now_ns
        """When the next touch is due."""
        self.interval_ns = SECOND_NS // touch_pages_per_s if touch_pages_per_s else 0
        self.progress_pages = self.swap_in_pages = self.swap_out_pages = 0
        self.last_progress_ns = now_ns
        self.dead = False
        self.tells_pages = True
        """Touches and discards are told; a driver without real memory has no use for them."""

    def run(self, now_ns: int, out: list[Decision]) -> bool:
        """Lets every task that can run work until it blocks or its pace says wait. True: or until pages became scarce, so
        that others have their turns (`contest`)."""
        if self.dead:
            return False
        budget, floor, high = BURST_TOUCHES_MAX, self.pool.marks.kernel_floor, self.pool.marks.high_pages
        plenty = self.block.held_to_min and self.pool.free > high
        for task in self.tasks:
            if task.state is TaskState.READING:
                continue
            if task.state is TaskState.NEEDS_FRAME and self.pool.free > floor:
                task.state, task.rounds = TaskState.RUNNING, 0
            elif task.state is TaskState.NEEDS_BIO:
                self._read(task, now_ns, out)
            while task.state is TaskState.RUNNING and self.next_ns <= now_ns and budget:
                budget -= 1
                self._step(task, now_ns, out)
                if plenty and self.pool.free <= high:
                    return True
        return False

    def wanting(self, now_ns: int) -> list[int]:
        """Numbers of the tasks that would take a page now."""
        if self.dead or self.next_ns > now_ns:
            return []
        wanting = (TaskState.RUNNING, TaskState.NEEDS_FRAME)
        return [number for number, task in enumerate(self.tasks) if task.state in wanting]

    def turn(self, number: int, now_ns: int, out: list[Decision]) -> None:
        """One of them touches one page, for which it takes a free one where it has to."""
        task = self.tasks[number]
        task.state, task.rounds = TaskState.RUNNING, 0
        self._step(task, now_ns, out)

    def _step(self, task: Task, now_ns: int, out: list[Decision]) -> None:
        if task.page is None:
            task.page = self.cursor
            self.cursor = (self.cursor + 1) % len(self.states)
        page = task.page
        state = self.states[page]
        if state == PageState.RESIDENT:
            self.resident.move_to_end(page)
            self._touch(task, page, now_ns, out)
        elif state == PageState.WRITEBACK:
            task.state = TaskState.WRITEBACK
            self._awaited.add(page)
        elif state == PageState.READING:
            # Another task reads it: this one waits for the same frame (the page's lock; do_swap_page, mm/memory.c).
            task.state = TaskState.READING
        elif not self.pool.take_movable(self.pool.marks.kernel_floor):
            task.state, task.retry_ns, task.rounds = TaskState.NEEDS_FRAME, now_ns, 0
        elif state == PageState.ABSENT:
            self.frames += 1
            self.resident[page] = None
            self._dirty(task, page, now_ns, out)
        else:
            self.frames += 1
            self.states[page] = PageState.READING
            self._read(task, now_ns, out)

    def _read(self, task: Task, now_ns: int, out: list[Decision]) -> None:
        assert task.page is not None
        started = self.block.start(task.page, self.generations[task.page], False, now_ns, out)
        task.state = TaskState.READING if started else TaskState.NEEDS_BIO

    def _touch(self, task: Task, page: int, now_ns: int, out: list[Decision]) -> None:
        """A page touched again: progress, at the application's pace."""
        self._dirty(task, page, now_ns, out)
        self.progress_pages += 1
        self.next_ns = max(self.next_ns, now_ns - CATCH_UP_NS_MAX) + self.interval_ns

    def _dirty(self, task: Task, page: int, now_ns: int, out: list[Decision]) -> None:
        self.states[page] = PageState.RESIDENT
        self.generations[page] += 1
        if self.tells_pages:
            out.append(Touch(page, self.generations[page]))
        self.last_progress_ns = now_ns
        task.page = None

    # ---- what the block layer tells

    def to_writeback(self, page: int) -> None:
        """Reclaim sends the page out."""
        self.states[page] = PageState.WRITEBACK

    def written(self, page: int) -> None:
        """The target has the page: its frame is free."""
        self.states[page] = PageState.SWAPPED
        self.frames -= 1
        self.pool.give()
        self.swap_out_pages += 1
        self._wake_writeback(page)

    def write_failed(self, page: int) -> None:
        """The target refused the page: it stays, dirty, and is tried again."""
        self.states[page] = PageState.RESIDENT
        self.resident[page] = None
        self._wake_writeback(page)

    def _wake_writeback(self, page: int) -> None:
        if page not in self._awaited:
            return
        self._awaited.remove(page)
        for task in self.tasks:
            if task.state is TaskState.WRITEBACK and task.page == page:
                task.state = TaskState.RUNNING

    def read(self, page: int, now_ns: int, out: list[Decision]) -> None:
        """The page is back: its task touches it at once; others that waited for it run on."""
        self.resident[page] = None
        self.swap_in_pages += 1
        waited = [task for task in self.tasks if task.state is TaskState.READING and task.page == page]
        for task in waited:
            task.state = TaskState.RUNNING
        self._touch(waited[0], page, now_ns, out)

    def lost(self, page: int) -> None:
        """The page does not come back, or to nobody: its frame is free."""
        self.states[page] = PageState.ABSENT
        self.frames -= 1
        self.pool.give()

    def kill(self) -> list[int]:
        """The application dies (OOM, SIGBUS): frames that no I/O holds are free. Answers their pages."""
        self.dead = True
        gone = list(self.resident)
        for task in self.tasks:
            if task.state is TaskState.NEEDS_BIO and task.page is not None:
                gone.append(task.page)
                task.state, task.page = TaskState.RUNNING, None
        for page in gone:
            self.states[page] = PageState.ABSENT
        self.resident.clear()
        self.frames -= len(gone)
        self.pool.give(len(gone))
        return gone

    # ---- reports

    def waiting(self, state: TaskState) -> int:
        """Tasks in `state`."""
        return sum(task.state is state for task in self.tasks)

    def next_deadline_ns(self) -> int | None:
        """When the next running task is due, or the next round of direct reclaim."""
        if self.dead:
            return None
        due_ns: int | None = None
        for task in self.tasks:
            if task.state is TaskState.NEEDS_FRAME:
                due_ns = sooner(due_ns, task.retry_ns)
            elif task.state is TaskState.RUNNING:
                due_ns = sooner(due_ns, self.next_ns)
        return due_ns


def sooner(one_ns: int | None, other_ns: int | None) -> int | None:
    """The earlier of two deadlines; None is none."""
    if one_ns is None or (other_ns is not None and other_ns < one_ns):
        return other_ns
    return one_ns
