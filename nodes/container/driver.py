"""The machine's clock and hands: tells it what happened, carries out what it decides, wakes it when it is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from nodes.container.disk import Disk
from nodes.container.pages import Pages
from nodes.eventkinds import Corrupt, Detail, Reconnect
from nodes.machine.events import (
    Completed,
    Discard,
    MachineEvent,
    Notice,
    Reconnected,
    Retransmit,
    Touch,
)
from nodes.machine.machine import Machine
from nodes.machine.merge import Transfer, merged
from nodes.network.timer import PreciseTimer
from nodes.units import PAGE_BYTES

Emit = Callable[[Detail], None]
"""`emit(detail)`: something for the run's events."""


class Driver:
    """Runs `machine` on `disk` (from byte `offset_bytes`) with `pages`, until `close`. Time is time.monotonic_ns.

    `before_poll(now_ns)` is called in each step when the machine has been told everything: the place to let sinks read.
    """

    def __init__(self, machine: Machine, pages: Pages, disk: Disk, offset_bytes: int, emit: Emit) -> None:
        self.before_poll: Callable[[int], None] = lambda now_ns: None
        self._machine, self._pages, self._disk = machine, pages, disk
        self._offset_bytes, self._emit = offset_bytes, emit
        self._reading: dict[int, tuple[int, int]] = {}
        """Page and generation by the number of its read."""
        self._loop = asyncio.get_running_loop()
        self._timer = PreciseTimer(self._loop, self.step)
        self._scheduled = False
        self._closed = False
        disk.on_ready = self.wake

    def wake(self) -> None:
        """Something came in: a step is due in this round of the loop. Cheap to call often."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.step)

    def tell(self, event: MachineEvent) -> None:
        """Hands the machine an event now; its decisions follow with the next step."""
        self._machine.handle(event, time.monotonic_ns())
        self.wake()

    def step(self) -> None:
        """Feeds answers, polls, carries decisions out, arms the timer."""
        self._scheduled = False
        if self._closed:
            return
        now_ns = time.monotonic_ns()
        self._feed(now_ns)
        self.before_poll(now_ns)
        for decision in merged(self._machine.poll(now_ns)):
            self._carry_out(decision)
        self._timer.arm(self._machine.next_deadline_ns())

    def close(self) -> None:
        """Stops; the machine stands still from now on."""
        self._closed = True
        self._timer.close()

    def _feed(self, now_ns: int) -> None:
        if self._disk.take_reconnected():
            self._reading.clear()
            self._machine.handle(Reconnected(), now_ns)
            self._emit(Reconnect(state="connected"))
        for completed in self._disk.take():
            self._check(completed)
            self._machine.handle(completed, now_ns)

    def _check(self, completed: Completed) -> None:
        read = self._reading.pop(completed.request, None)
        if completed.error or read is None or self._machine.workload.dead:
            return  # what comes for an application that is gone is read by nobody
        if not self._pages.verify(*read):
            page, generation = read
            self._emit(Corrupt(pages=(page,), generation=generation))

    def _carry_out(self, decision: object) -> None:
        pages = self._pages
        match decision:
            case Touch(page, generation):
                pages.write(page, generation)
            case Transfer():
                self._transfer(decision)
            case Discard(page):
                pages.discard(page)
            case Notice(detail):
                self._emit(detail)
            case Retransmit():
                pass  # real TCP has a timer of its own
            case _:
                raise AssertionError(f"the machine decided something unknown: {decision!r}")

    def _transfer(self, transfer: Transfer) -> None:
        place, view = self._place(transfer.first), self._pages.view(transfer.first, transfer.pages)
        if transfer.is_write:
            self._disk.submit_write(transfer.requests, place, view)
            return
        for index, request in enumerate(transfer.requests):
            self._reading[request] = (transfer.first + index, transfer.generations[index])
        self._disk.submit_read(transfer.requests, place, view)

    def _place(self, page: int) -> int:
        return self._offset_bytes + page * PAGE_BYTES
