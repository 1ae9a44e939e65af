"""NFQUEUE to the machine and back: each inbound packet waits in the kernel until the machine has judged it.

A flood may be faster than any judge, so one wake-up takes a bounded batch and leaves the loop to the others. While
nothing is held for delay, a run of equal verdicts costs one message to the kernel.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from nodes.network.delayline import DelayLine, Passage
from nodes.network.nfqueue import Packet, Queue
from nodes.network.timer import PreciseTimer

BATCH_PACKETS = 256
"""Most packets taken per wake-up: 2.5 ms at 100 000 packets a second (own)."""

Judge = Callable[[bytes, int], bool]
"""`judge(head, now_ns)`: whether to accept; `now_ns` is time.monotonic_ns."""


def accept_all(head: bytes, now_ns: int) -> bool:
    """The judge of a node without a machine."""
    return True


class Pump:
    """Reads `queue` from the running loop, through the delay line `hold`, to `judge`; `on_judged()` is called after the
    verdicts of a batch have been carried out."""

    def __init__(self, queue: Queue, hold: DelayLine[Packet]) -> None:
        self.judge: Judge = accept_all
        self.on_judged: Callable[[], None] = lambda: None
        self.packets = 0
        self._queue, self._hold = queue, hold
        self._loop = asyncio.get_running_loop()
        self._timer = PreciseTimer(self._loop, self._release)
        self._loop.add_reader(queue.fileno(), self._receive)

    def close(self) -> None:
        """Judges no more. What is held goes the way of the queue: dropped when that closes."""
        self._loop.remove_reader(self._queue.fileno())
        self._timer.close()

    def _receive(self) -> None:
        packets = self._queue.receive(BATCH_PACKETS)
        if not packets:
            return
        self.packets += len(packets)
        now_ns = time.monotonic_ns()
        if self._hold.idle:
            judge = self.judge
            self._queue.settle([(packet[0], judge(packet[1], now_ns)) for packet in packets])
        else:
            self._through_delay(packets, now_ns)
        self.on_judged()

    def _through_delay(self, packets: list[Packet], now_ns: int) -> None:
        # One by one: a batch verdict would let the older ones that are held go too.
        for packet in packets:
            passage = self._hold.push(packet, now_ns)
            if passage is Passage.PASS:
                self._queue.verdict(packet.id, self.judge(packet.head, now_ns))
            elif passage is Passage.LOST:
                self._queue.verdict(packet.id, False)
        self._timer.arm(self._hold.next_ns())

    def _release(self) -> None:
        now_ns = time.monotonic_ns()
        for packet in self._hold.due(now_ns):
            self._queue.verdict(packet.id, self.judge(packet.head, now_ns))
        self._timer.arm(self._hold.next_ns())
        self.on_judged()
