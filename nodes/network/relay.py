"""A pump without a machine: carries what arrives on an interface through a delay line, and lets it pass.

For nodes that judge nothing themselves (the storage target) on kernels without netem.
"""

from __future__ import annotations

import asyncio
import time

from nodes.network import steer
from nodes.network.delayline import DelayLine, Passage
from nodes.network.nfqueue import Queue
from nodes.network.timer import PreciseTimer

LENGTH = 16_384
"""Packets that may be held: 160 ms of 100 000 packets per second (own)."""
HEAD_BYTES = 20
"""Only the IP header is looked at."""
BATCH = 64
"""Packets per turn of the event loop (own)."""


class Relay:
    """Holds the packets that arrive on `interface` in `hold`, whose ids it then owns, by means of NFQUEUE `number`."""

    def __init__(self, interface: str, number: int, hold: DelayLine[int]) -> None:
        self._rule = steer.queue_rule(interface, number)
        self._hold = hold
        self._queue = Queue(number, copy_bytes=HEAD_BYTES, length=LENGTH)
        self._loop = asyncio.get_running_loop()
        self._timer = PreciseTimer(self._loop, self._release)
        self._loop.add_reader(self._queue.fileno(), self._take)

    @classmethod
    async def start(cls, interface: str, number: int, hold: DelayLine[int]) -> Relay:
        """A relay at work. Raises LackingError as `Queue` and `steer.install` do."""
        relay = cls(interface, number, hold)
        try:
            await steer.install(relay._rule)
        except BaseException:
            relay._close()
            raise
        return relay

    async def stop(self) -> None:
        """Takes the rule away, lets everything held pass at once, and gives the queue back."""
        try:
            await steer.remove(self._rule)
        finally:
            for packet in self._hold.drain():
                self._queue.verdict(packet, True)
            while packets := self._queue.receive(BATCH):
                self._queue.batch(packets[-1].id, True)
            self._close()

    def dropped(self) -> int:
        """Packets lost because the queue was full: harness loss."""
        return self._queue.dropped()

    def _take(self) -> None:
        now_ns = time.monotonic_ns()
        for packet in self._queue.receive(BATCH):
            passage = self._hold.push(packet.id, now_ns)
            if passage is not Passage.HELD:
                self._queue.verdict(packet.id, passage is Passage.PASS)
        self._timer.arm(self._hold.next_ns())

    def _release(self) -> None:
        for packet in self._hold.due(time.monotonic_ns()):
            self._queue.verdict(packet, True)
        self._timer.arm(self._hold.next_ns())

    def _close(self) -> None:
        self._timer.close()
        self._loop.remove_reader(self._queue.fileno())
        self._queue.close()
