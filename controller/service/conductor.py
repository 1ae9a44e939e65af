"""One run at a time: who may begin, what goes on, and telling everybody at 2 Hz."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import get_args

from controller.api import PROGRESS, Progress, RunStarted, StartRun
from controller.bus.mqtt import Bus
from controller.experiment.record import Result
from controller.experiment.rescue import RESCUE, Remedy
from controller.experiment.scenario import parse
from controller.service.activity import Activity
from controller.service.adhoc import TICK_S, AdHoc, open_adhoc
from controller.service.connections import Parts
from controller.service.floodwatch import FloodWatch
from controller.service.nodes import Node
from controller.service.recovery import end_run
from controller.service.rescuerun import open_rescue, patients_of
from controller.service.runner import open_run
from nodes.agent.settings import Tier
from nodes.agent.tasks import end
from nodes.errors import HarnessError, NetreserveError, UsageError

TIERS: tuple[str, ...] = get_args(Tier)
"""Of the nodes, and so of the testbed."""


class Conductor:
    """Begins runs and sees them to their end."""

    def __init__(self, parts: Parts, watch: FloodWatch, bus: Bus) -> None:
        self._parts, self._watch, self._bus = parts, watch, bus
        self._activity: Activity | None = None
        self._beginning = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard_ns = 0  # when the newest flood began that some run has recorded
        self.on_result: list[Callable[[Result], None]] = []
        """Are told the result of every run."""
        self.unfinished: list[Activity] = []
        """Runs whose results are not there yet: those that are being judged and written, and `current`."""

    @property
    def current(self) -> Activity | None:
        """The run that records now."""
        return self._activity if self._activity is not None and not self._activity.over.is_set() else None

    def idle(self) -> bool:
        """Whether nodes may be given their default settings."""
        return self.current is None and not self._beginning.locked() and not self._watch.going

    async def start(self, asked: StartRun) -> RunStarted:
        """Begins a scenario's run. Raises ScenarioError for a bad scenario, UsageError while another run goes on,
        LackingError when too few nodes are there."""
        if asked.tier not in TIERS:
            raise UsageError(f"the testbed runs tier {' or '.join(TIERS)}, not '{asked.tier}'")
        scenario = await asyncio.to_thread(parse, asked.scenario, asked.file, asked.tier)  # it may take a while
        self._refuse_second()
        async with self._beginning:
            run = await open_run(self._parts, self._watch, scenario)
            self._carry_out(run, run.run)
        return RunStarted(run=run.recording.run, folder=run.recording.row.folder, expected_ns=run.expected_ns)

    async def by_hand(self) -> None:
        """Whether a person may change something now. Raises UsageError while a scenario's run goes on: its record would
        say what it never was."""
        async with self._beginning:  # what is about to begin counts
            self._refuse_by_hand()

    def _refuse_by_hand(self) -> None:
        row = self.current.recording.row if self.current else None
        if row is not None and (row.kind != "adhoc" or row.scenario == RESCUE):
            what = "rescue" if row.kind == "adhoc" else "scenario"
            verb = "rescue" if row.kind == "adhoc" else "run"
            raise UsageError(
                f"{what} run {row.run} is going on: it would be recorded under settings it did not have;"
                f" wait, or end it with Ctrl-C in its `netreserve {verb}`"
            )

    @contextlib.asynccontextmanager
    async def recorded(self) -> AsyncIterator[Activity]:
        """What a person changes inside is recorded: by the run under way, or by one that begins now. That run does not end
        by itself meanwhile. Raises UsageError as `by_hand`."""
        async with self._beginning:
            self._refuse_by_hand()
            run = self.current or await self._begin_adhoc()
            run.held += 1
        try:
            yield run
        finally:
            run.held -= 1

    async def _begin_adhoc(self) -> AdHoc:
        run = await open_adhoc(self._parts, self._watch)
        self._carry_out(run, run.run)
        return run

    async def rescue(self, nodes: Sequence[Node], remedies: Sequence[Remedy], wait_ns: int) -> RunStarted:
        """Begins a rescue of those of `nodes` that stand still; an ad-hoc run ends for it, as far as it got. Raises
        UsageError while another run goes on, LackingError when nobody stands still."""
        async with self._beginning:
            self._refuse_by_hand()
            patients_of(nodes)
            await self._end_adhoc()
            run = await open_rescue(self._parts, self._watch, nodes, remedies, wait_ns)
            self._carry_out(run, run.run)
        return RunStarted(run=run.recording.run, folder=run.recording.row.folder, expected_ns=run.expected_ns)

    async def _end_adhoc(self) -> None:
        if self.current is None:
            return
        ending = self.current
        ending.notes.append("it ended early, for a rescue")
        if not ending.ended.done():
            ending.ended.set_result(None)
        await ending.over.wait()

    def stop(self) -> None:
        """Ends the present run. Raises UsageError when there is none."""
        if self.current is None:
            raise UsageError("no run is going on: there is nothing to stop")
        self.current.stop()

    async def follow_floods(self) -> None:
        """Opens an ad-hoc run for each flood that no run has recorded, until cancelled."""
        while True:
            async with self._beginning:
                if self.current is None and self._watch.began_ns > self._heard_ns:
                    try:
                        await self._begin_adhoc()
                    except NetreserveError as error:
                        print(f"netreserve: no ad-hoc run: {error}", file=sys.stderr)
                if self._activity is not None:
                    self._heard_ns = max(self._heard_ns, self._activity.heard_ns)
            await asyncio.sleep(TICK_S)

    async def tell(self) -> None:
        """Publishes the progress of whatever goes on, until cancelled."""
        while True:
            if self.current is not None:
                await self._say(self.current.progress(), qos=0)
            await asyncio.sleep(self._parts.timing.progress_interval_s)

    def broker_lost(self, why: str) -> None:
        """What nodes said meanwhile is lost: no run under way can prove anything."""
        if self.current is not None:
            self.current.broker_lost(why)

    async def finished(self) -> None:
        """Until every run has its result."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def leave(self) -> None:
        """Leaves every run without a result as it is, open: the next start of the daemon ends it."""
        await end(*self._tasks)

    def _refuse_second(self) -> None:
        if self._beginning.locked():
            raise UsageError("another run is just beginning")
        if self.current is not None:
            row = self.current.recording.row
            raise UsageError(f"run {row.run} of '{row.scenario}' is going on: wait for its end, or stop it first")

    def _carry_out(self, activity: Activity, work: Callable[[], Awaitable[Result]]) -> None:
        self._activity = activity
        self.unfinished.append(activity)
        task = asyncio.create_task(self._to_the_end(activity, work), name=activity.recording.run)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _to_the_end(self, activity: Activity, work: Callable[[], Awaitable[Result]]) -> None:
        try:
            result = await work()
        except Exception as error:  # the daemon outlives a run that breaks, and who waits for its result is told
            result = await self._broken(activity, error)
        finally:
            await activity.let_go()
        activity.leave()
        self.unfinished.remove(activity)
        for told in self.on_result:
            told(result)
        await self._say(activity.progress(result), qos=1)

    async def _broken(self, activity: Activity, error: Exception) -> Result:
        """The result of a run that did not come to its own end."""
        recorder = self._parts.recorder
        await recorder.abandon(activity.recording)
        reason = f"the controller failed: {type(error).__name__}: {error}"
        return await end_run(recorder.database, recorder.runs_folder, activity.recording.row, reason)

    async def _say(self, progress: Progress, qos: int) -> None:
        """A run does not end for want of listeners."""
        try:
            await self._bus.publish(PROGRESS, progress, qos=qos)
        except HarnessError as error:
            print(f"netreserve: {error}", file=sys.stderr)
