"""What Locust does, whoever told it to: asked a few times a second, told as events and kept for the run's locust.json."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from controller.service.connections import Parts
from controller.service.flood_onset import onset_ns
from controller.service.locust import GOING, FloodState
from nodes.errors import HarnessError, NetreserveError
from nodes.eventkinds import FloodStart, FloodStop, Harness
from traffic.profiles import Aimed

STALE_NS = 2_000_000_000
"""So old may be what Locust says of itself (locust.web.DEFAULT_CACHE_TIME; traffic/locustfile.py makes it less)."""


Listener = Callable[[bool, str], None]


class FloodWatch:
    """`going` is whether junk flows, as Locust says or as it has just been told. Each change is an event, and `listeners`
    hear it: what `going` is now, and what went wrong, if something did (one line)."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.listeners: list[Listener] = []
        self.going = False
        self.state: FloodState | None = None
        self.problem = ""
        """Why Locust's state is not known (one line); empty when it is."""
        self.began_ns = 0
        """When the junk that goes, or went last, began to flow (Unix time); 0: none ever did."""
        self.ended_ns = 0
        """When the flood before it ended, or itself when none goes."""
        self.quiet_ns = 0
        """The latest time at which none flowed, as far as Locust has said by now."""
        self._told: tuple[bool, float] | None = None  # what it was told to be, and until when it may say otherwise
        self._heard_at = time.monotonic()
        self._failure = ""
        self._senders: frozenset[str] = frozenset()  # the workers that carry the present flood
        self._timeline: list[dict[str, Any]] = []

    def __str__(self) -> str:
        if self.problem:
            return f"unreachable: {self.problem}"
        return str(self.state) if self.state and self.going else "stopped"

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._poll()
            await asyncio.sleep(self._parts.timing.poll_interval_s)

    async def start(self, floods: Sequence[Aimed], targets: tuple[str, ...], seconds: int) -> None:
        """Starts `floods`, at least one, as one swarm. Raises HarnessError when Locust does not."""
        began_ns = time.time_ns()
        await self._parts.locust.start(floods, targets, seconds)
        self._expect(True)
        asked = FloodStart(
            flood=" and ".join(aimed.flood.kind for aimed in floods),
            rate_pps=sum(aimed.flood.rate_pps for aimed in floods),
            size_bytes=max(aimed.flood.size_bytes for aimed in floods),
            targets=targets,
            seconds=seconds,
        )
        self._change(asked, began_ns)

    async def stop(self) -> None:
        """Stops what goes on, whoever started it. Locust answers when its workers have stopped."""
        await self._parts.locust.stop()
        self._expect(False)
        if self.going:
            self._change(FloodStop(), time.time_ns())

    async def confirmed(self) -> None:
        """Until Locust itself says what it was told to do. Raises HarnessError when it does not in time."""
        while self._told is not None and not self._failure:
            await asyncio.sleep(self._parts.timing.poll_interval_s / 2)
        if self._failure:
            raise HarnessError(self._failure)

    def take_record(self, since_ns: int) -> dict[str, Any] | None:
        """Locust's statistics at their last reading, and how they came about since `since_ns`; None when there are none."""
        timeline = [reading for reading in self._timeline if reading["t_ns"] >= since_ns]
        self._timeline = []
        return {**self.state.stats, "timeline": timeline} if self.state and timeline else None

    def _expect(self, going: bool) -> None:
        self._failure = ""
        self._told = (going, time.monotonic() + self._parts.timing.flood_deadline_s)

    async def _poll(self) -> None:
        asked_ns = time.time_ns()
        try:
            self.state, self.problem = await self._parts.locust.state(), ""
            self._heard_at = time.monotonic()
        except NetreserveError as error:
            self.problem = str(error)
        silent_s = time.monotonic() - self._heard_at
        going = self.state is not None and self.state.going and silent_s < self._parts.timing.flood_deadline_s
        if self.state is not None and not self.problem and (going or self.going):
            self._timeline.append(_reading(self.state))
        told = self._told is not None
        settled = self._settled(going)
        if settled and going != self.going:
            self._notice(going, (self._failure if told else "") or self.problem)
        if settled and going and self.state is not None and not self.problem:
            self._count_senders(self.state)
        if self.state is not None and self.state.state not in GOING and not self.problem:
            self.quiet_ns = max(self.quiet_ns, asked_ns - STALE_NS)

    def _count_senders(self, state: FloodState) -> None:
        """A worker that is lost takes its part of the flood with it, whether another comes or not."""
        if lost := self._senders - state.workers:
            had = len(self._senders)
            why = f"{len(lost)} of Locust's {had} workers {'was' if len(lost) == 1 else 'were'} lost while they sent"
            self._parts.recorder.note(Harness(void=why, harness=True), node="")
        self._senders = state.workers if self.going else frozenset()

    def _settled(self, going: bool) -> bool:
        """Whether what Locust says counts: not while it may still say what was before it was told otherwise."""
        if self._told is None:
            return True
        told, deadline = self._told
        if going != told and time.monotonic() < deadline:
            return False
        if going != told:
            self._failure = f"Locust did not {'start' if told else 'stop'} in time: {self.problem or self.state}"
        self._told = None
        return True

    def _seen(self) -> dict[str, Any]:
        if self.problem or self.state is None:
            return {"unreachable": self.problem}
        return {"users": self.state.user_count, "rps": self.state.total_rps}

    def _notice(self, going: bool, trouble: str) -> None:
        """What somebody else began is as old as the nodes' counters say."""
        noticed_ns = time.time_ns()
        if not going:
            self._change(FloodStop(**self._seen()), noticed_ns, trouble)
            return
        began_ns = self.onset_ns(noticed_ns)
        late_ns = noticed_ns - began_ns or None
        self._change(FloodStart(**self._seen(), noticed_after_ns=late_ns), began_ns, trouble)

    def onset_ns(self, now_ns: int) -> int:
        """When a flood began that Locust does not tell yet, as the nodes' counters say; `now_ns` when they say nothing."""
        return onset_ns(self._parts.recorder.recent_samples(), self.quiet_ns, now_ns)

    def _change(self, what: FloodStart | FloodStop, t_ns: int, trouble: str = "") -> None:
        self.going, self._senders = isinstance(what, FloodStart), frozenset()
        if self.going:
            self.began_ns = t_ns
        else:
            self.quiet_ns = self.ended_ns = t_ns
        self._parts.recorder.note(what, t_ns=t_ns)
        for listener in self.listeners:
            listener(self.going, trouble)


def _reading(state: FloodState) -> dict[str, Any]:
    return {
        "t_ns": time.time_ns(),
        "state": state.state,
        "user_count": state.user_count,
        "total_rps": state.total_rps,
        "fail_ratio": state.fail_ratio,
    }
