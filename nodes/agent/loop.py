"""The agent: an arm and a bus, and the four things that go on between them: wishes, answers, samples, events."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Iterator
from math import floor

import msgspec
from msgspec import Struct

from nodes.agent.bus import Bus
from nodes.agent.tasks import end, race
from nodes.arm import Arm
from nodes.errors import HarnessError, LackingError, NetreserveError, UsageError, exit_code_of
from nodes.messages import SAMPLE_INTERVAL_NS, Desired, Event, Leaf, Reported, Role, Status, decode
from nodes.units import SECOND_NS

SAMPLE_INTERVAL_S = SAMPLE_INTERVAL_NS / SECOND_NS


class Agent:
    """Carries out what `desired` asks, one at a time; of those that arrive meanwhile only the newest is kept, so a
    `Reported` answers its `seq` and all before it."""

    def __init__(self, role: Role, node: str, arm: Arm, bus: Bus) -> None:
        self._role, self._node, self._arm, self._bus = role, node, arm, bus
        self._status = arm.status()
        self._reported: Reported | None = None
        self._wish = b""
        self._newest_seq = 0
        self._wished = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then says `offline` and closes the arm. Raises what the arm raises, and
        HarnessError when it ends by itself."""
        link = asyncio.create_task(self._bus.run(self._greeting, self._on_desired))
        try:
            await race(stop.wait(), _outcome(link), self._answer_wishes(), self._sample(), self._run_arm())
        finally:
            await self._arm.close()
            await self._bus.farewell(self._told("offline"))
            await end(link)

    def ailment(self) -> str:
        """Why this node is of no use, one line; empty when it is well."""
        return self._status.reason or "unable" if self._status.state == "unable" else self._bus.trouble

    async def _run_arm(self) -> None:
        if self._status.state == "unable":
            await asyncio.Event().wait()
        await self._arm.run(self._emit)
        raise HarnessError(f"the arm of {self._node} ended by itself")

    def _greeting(self) -> Iterator[tuple[Leaf, Struct]]:
        yield "status", self._told(self._status.state)
        if self._reported is not None:
            yield "reported", self._reported

    def _told(self, state: str) -> Status:
        return msgspec.structs.replace(self._status, state=state, t_ns=time.time_ns())

    def _on_desired(self, payload: bytes) -> None:
        if payload == self._wish:  # a broker repeats a retained message at each connecting
            return
        seq, _ = _envelope(payload)
        if 0 < seq < self._newest_seq:  # one that crashed repeats what was wished long ago
            print(
                f"netreserve: setting {seq} is older than {self._newest_seq}: not regarded", file=sys.stderr, flush=True
            )
            return
        self._newest_seq = max(self._newest_seq, seq)
        self._wish = payload
        self._wished.set()

    async def _answer_wishes(self) -> None:
        while True:
            await self._wished.wait()
            self._wished.clear()
            self._reported = await self._answer(self._wish)
            self._bus.post("reported", self._reported)

    async def _answer(self, wish: bytes) -> Reported:
        try:
            return await self._arm.apply(self._understand(wish))
        except (ValueError, NetreserveError) as error:
            return self._refusal(wish, error)
        except Exception as error:  # a fault of ours in one wish: the node goes on, and would meet the same one again
            traceback.print_exc()
            return self._refusal(wish, HarnessError(f"the node failed: {type(error).__name__}: {error}"))

    def _understand(self, wish: bytes) -> Desired:
        if self._status.state == "unable":
            raise LackingError(f"this node is unable: {self._status.reason}")
        desired = decode(wish, Desired)
        asked = str(desired.spec.__struct_config__.tag)
        if asked != self._role:
            raise UsageError(f"{self._node} is a node of role '{self._role}' and cannot be '{asked}'")
        return desired

    def _refusal(self, wish: bytes, error: Exception) -> Reported:
        """What was in force before still is; `seq` and `run` are those of the request as far as they can be read."""
        before = self._reported or Reported(node=self._node, seq=0, run="", t_ns=0)
        seq, run = _envelope(wish)
        return msgspec.structs.replace(
            before, seq=seq, run=run, t_ns=time.time_ns(), error=str(error), exit_code=exit_code_of(error)
        )

    async def _sample(self) -> None:
        loop = asyncio.get_running_loop()
        start_s, tick = loop.time(), 0
        while True:
            tick = next_tick(tick, loop.time() - start_s, SAMPLE_INTERVAL_S)
            await asyncio.sleep(start_s + tick * SAMPLE_INTERVAL_S - loop.time())
            await self._bus.publish_sample(self._arm.sample())

    def _emit(self, event: Event) -> None:
        self._bus.post("event", event)


async def _outcome(task: asyncio.Task[None]) -> None:
    """Waits for `task`, which goes on when this does not; raises what it raised."""
    await asyncio.wait([task])
    task.result()


def next_tick(tick: int, elapsed_s: float, interval_s: float) -> int:
    """Number of the tick after number `tick` that is still to come when `elapsed_s` have passed since number 0: an
    absolute schedule that skips what it missed."""
    return max(tick, floor(elapsed_s / interval_s)) + 1


class _Envelope(Struct):
    seq: int = 0
    run: str = ""


def _envelope(wish: bytes) -> tuple[int, str]:
    try:
        envelope = decode(wish, _Envelope)
    except (ValueError, RecursionError):
        return 0, ""
    return envelope.seq, envelope.run
