"""Watches a living guest: standstill with its autopsy, kills for want of memory, silence, another policy than was asked
for; and hands on its words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from nodes.errors import HarnessError
from nodes.eventkinds import Autopsy, ConsoleLines, Harness, OutOfMemory, Recovered, TelemetryLines
from nodes.frozen import examine
from nodes.kernel.life import Life, Tell
from nodes.kernel.telemetry import SILENT_AFTER_NS
from nodes.machine.watch import StallWatch
from nodes.messages import Sample
from nodes.units import SECOND_NS

AUTOPSY_AFTER_NS = 3 * SECOND_NS
"""A guest that stands still for so long is asked what its tasks wait for (own: a slow one has moved by then) ..."""
AUTOPSY_EVERY_NS = 10 * SECOND_NS
"""... and again, since a cycle closes step by step; each answer costs the guest some 100 ms of printing."""
KEYS = "wm"
"""Blocked tasks and memory (Documentation/admin-guide/sysrq.rst)."""
ALL_TASKS = "t"
"""Asked, too, after an autopsy that named no cycle: it shows those who sleep interruptibly or run, as senders and relays
do. Where it was what showed the cycle it is asked every time from then on: the latest answer counts."""
STRAYED_AFTER_NS = 3 * SECOND_NS
"""A policy that nobody asked for makes the run prove nothing when it is in force for so long (own: as long as telemetry may
be silent, so that the host's own delays do not count)."""
NOTHING = Autopsy()


class Watch:
    """Of one guest, called ten times a second with its newest sample."""

    def __init__(self, life: Life, tell: Tell) -> None:
        self._life, self._tell = life, tell
        self._stalls = StallWatch()
        self._autopsy = NOTHING
        self._examining: asyncio.Task[None] | None = None
        self._examined_ns = 0
        self._asks_all = False
        self._kills = 0
        self._silent = False
        self._strayed_ns: int | None = None
        self._void = False

    def look(self, sample: Sample) -> None:
        """Tells what is to be told of this moment."""
        self._hand_on()
        self._count_kills()
        self._listen(sample)
        if self._life.ended:
            return
        self._compare(sample)
        self._consider(sample)
        for detail in self._stalls.observe(
            sample, time.monotonic_ns(), lambda: self._autopsy.waits, lambda: self._autopsy.cycle
        ):
            if isinstance(detail, Recovered):
                self._forget()
            self._tell(detail)

    async def close(self) -> None:
        """Ends what is under way and hands on the last words."""
        if self._examining is not None:
            self._examining.cancel()
            await asyncio.wait([self._examining])
        self._hand_on()

    def _hand_on(self) -> None:
        while lines := self._life.console.channel.take():
            self._tell(ConsoleLines(lines=tuple(lines)))
        while lines := self._life.feed.channel.take():
            self._tell(TelemetryLines(lines=tuple(lines)))

    def _count_kills(self) -> None:
        kills = self._life.feed.newest.oom
        if kills > self._kills:
            self._tell(OutOfMemory(whose="guest", kills=kills))
            self._kills = kills

    def _listen(self, sample: Sample) -> None:
        """A guest whose timer is silent is told once: its figures are old."""
        silent_ns = self._life.feed.silent_ns(sample.t_ns)
        if (silent_ns > SILENT_AFTER_NS) != self._silent and not self._life.ended:
            self._silent = not self._silent
            what = f"no telemetry for {silent_ns / SECOND_NS:.1f} s" if self._silent else "telemetry is back"
            self._tell(Harness(what=what))

    def _compare(self, sample: Sample) -> None:
        """A flag that was lost or changed in mid-run is told once: what comes of it is another policy's doing."""
        now_ns = time.monotonic_ns()
        strayed = "" if sample.state == "dead" else self._life.strayed()
        if not strayed:
            self._strayed_ns = None
        elif self._strayed_ns is None:
            self._strayed_ns = now_ns
        elif now_ns - self._strayed_ns > STRAYED_AFTER_NS and not self._void:
            self._void = True
            self._tell(Harness(void=f"a setting was lost in the run: {strayed}"))

    def _consider(self, sample: Sample) -> None:
        now_ns = time.monotonic_ns()
        due = not self._examined_ns or now_ns - self._examined_ns >= AUTOPSY_EVERY_NS
        at_it = self._examining is not None and not self._examining.done()
        if sample.progress_age_ns >= AUTOPSY_AFTER_NS and due and not at_it and sample.state != "dead":
            self._examined_ns = now_ns
            self._examining = asyncio.create_task(self._examine())

    def _forget(self) -> None:
        """The next standstill is another one: an answer that is still under way would explain the wrong one."""
        self._autopsy, self._examined_ns, self._asks_all = NOTHING, 0, False
        if self._examining is not None:
            self._examining.cancel()

    async def _examine(self) -> None:
        try:
            self._asks_all |= self._autopsy is not NOTHING and not self._autopsy.cycle
            lines = await self._life.examine(KEYS + (ALL_TASKS if self._asks_all else ""))
        except HarnessError as error:
            self._tell(Harness(what=f"no autopsy: {error}"))
            return
        self._autopsy = self._explain(lines)
        self._tell(self._autopsy)

    def _explain(self, lines: Sequence[str]) -> Autopsy:
        feed = self._life.feed
        return examine(lines, feed.newest, feed.when_moved)
