"""Everything said during a run, into the database and the run's folder, and the last seconds for a run that begins when
somebody does something by hand."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from controller.experiment.record import Phase, Record, Result
from controller.service.credible import require_storable
from controller.service.guestlines import LINE_KINDS, log_name, log_text
from controller.store.database import Database, RunRow
from controller.store.folder import RunFolder, new_run_id
from controller.store.reconcile import reconcile
from nodes.eventkinds import Detail
from nodes.messages import Event, Sample, counted_since

FLUSH_INTERVAL_S = 0.5
"""A killed controller loses at most this much (the design allows a second)."""
LEAD_NS = 10_000_000_000
"""What a run by hand takes of the time before it: its warmup."""
RING_NS = 2 * LEAD_NS
"""How far back a run can begin: its warmup, and the time in which what began it was not yet noticed (own)."""
RING_MAX = 50_000
"""Messages of that time at most: ten times what 16 nodes say (own). What is more pushes the oldest out."""
CONTROLLER = "controller"
"""Name of the node that the controller's own events come from."""


class Recording:
    """A run under way: what came in so far, and the phases; the record that it will be."""

    def __init__(self, row: RunRow, folder: RunFolder, nodes: frozenset[str] | None) -> None:
        self.row, self.folder, self._nodes = row, folder, nodes
        self.samples: list[Sample] = []
        self.events: list[Event] = []
        self.phases: list[Phase] = []
        self.newest: dict[str, Sample] = {}
        """The last sample of each node."""
        self.pending: list[Sample | Event] = []
        """What is not written yet."""
        self.failure = ""
        """Why the record is not complete (one line); empty when it is."""
        self._first: dict[tuple[str, str], Sample] = {}

    @property
    def run(self) -> str:
        return self.row.run

    @property
    def phase(self) -> str:
        return self.phases[-1].name if self.phases else ""

    def begin(self, phase: str, now_ns: int) -> None:
        """Ends the present phase and begins another; the same one again goes on as if it had not ended."""
        self.end(now_ns)
        self.phases.append(Phase(name=phase, start_ns=now_ns, end_ns=now_ns))

    def end(self, now_ns: int) -> None:
        """Sets the end of the present phase."""
        if self.phases:
            self.phases[-1] = msgspec.structs.replace(self.phases[-1], end_ns=now_ns)

    def so_far(self, result: Result) -> Record:
        """What the run said until now, as a record with `result`."""
        return Record(result=result, samples=list(self.samples), events=list(self.events))

    def wants(self, message: Sample | Event) -> bool:
        """A scenario's run takes what its nodes say in it, and the controller's own events; an ad-hoc run takes all."""
        if self._nodes is None or message.node in (CONTROLLER, ""):
            return True
        if message.node not in self._nodes:
            return False
        return message.run == self.run or (isinstance(message, Event) and not message.run)

    def keep(self, message: Sample | Event) -> None:
        """Makes `message` a part of the record."""
        if isinstance(message, Sample):
            message = msgspec.structs.replace(self._counted(message), run=self.run)
            self.samples.append(message)
            self.newest[message.node] = message
        else:
            message = msgspec.structs.replace(message, run=self.run)
            if not isinstance(message.detail, LINE_KINDS):
                self.events.append(message)
        self.pending.append(message)

    def _counted(self, sample: Sample) -> Sample:
        """A scenario sets its nodes up afresh. Machines that a run finds alive have counted since long before it: every
        figure of such a run is what was added since its first sample."""
        if self._nodes is not None:
            return sample
        return counted_since(self._first.setdefault((sample.node, sample.run), sample), sample)


class Recorder:
    """Takes every sample and event. At most one run records at a time; those before it may still have to be closed."""

    def __init__(self, database: Database, runs_folder: Path) -> None:
        self.database, self.runs_folder = database, runs_folder
        self._ring: deque[tuple[int, Sample | Event]] = deque(maxlen=RING_MAX)
        """With the time at which each came in: what it says of its own time may be anything."""
        self._writing = asyncio.Lock()
        self._open: list[Recording] = []
        self._listeners: list[Callable[[Sample | Event], None]] = []
        self.recording: Recording | None = None
        """The one that takes what comes in."""

    def take(self, message: Sample | Event) -> None:
        """Keeps `message` for RING_NS, and for good while a run records. Raises what `require_storable` does."""
        require_storable(message)
        now_ns = time.time_ns()
        self._ring.append((now_ns, message))
        while self._ring and self._ring[0][0] < now_ns - RING_NS:
            self._ring.popleft()
        if self.recording is not None and self.recording.wants(message):
            self.recording.keep(message)
        for listener in self._listeners:
            listener(message)

    def listen(self, listener: Callable[[Sample | Event], None]) -> None:
        """`listener` hears everything that is taken, whether a run records or not."""
        self._listeners.append(listener)

    def note(self, detail: Detail, node: str = CONTROLLER, t_ns: int | None = None) -> None:
        """Something that the controller did or saw, now unless `t_ns` says when; `node` is the one that it concerns.
        What concerns a run alone is told by its Activity."""
        t_ns = time.time_ns() if t_ns is None else t_ns
        self.take(Event(t_ns=t_ns, node=node, run="", detail=detail))

    def recent_samples(self, since_ns: int = 0) -> list[Sample]:
        """Those after `since_ns`, as far back as RING_NS, in the order in which they came; without what a node said before
        it was last set up afresh."""
        return [message for message in self._recent(since_ns) if isinstance(message, Sample)]

    async def open(
        self,
        *,
        scenario: str,
        kind: str,
        policy: str,
        tier: str = "container",
        nodes: frozenset[str] | None = None,
        since_ns: int = 0,
    ) -> Recording:
        """A new run. With `nodes`, only what they say in this run is recorded; without, everything after `since_ns`, as far
        back as RING_NS."""
        assert self.recording is None, f"{self.recording.run if self.recording else ''} records"
        now_ns = time.time_ns()
        run = new_run_id(now_ns)
        folder = await asyncio.to_thread(RunFolder.create, self.runs_folder, scenario, run)
        row = RunRow(
            run=run,
            scenario=scenario,
            kind=kind,
            folder=folder.relative,
            tier=tier,
            policy=policy,
            started_ns=now_ns,
        )
        recording = Recording(row, folder, nodes)
        await asyncio.to_thread(self.database.open_run, row)
        self.recording = recording
        self._open.append(recording)
        if nodes is None:
            for message in self._recent(since_ns):
                recording.keep(message)
        return recording

    def _recent(self, since_ns: int) -> list[Sample | Event]:
        """Counters of a node that was set up afresh began anew: only what it said since then counts."""
        newest = {message.node: message.run for _, message in self._ring if isinstance(message, Sample)}
        return [
            message
            for _, message in self._ring
            if message.t_ns > since_ns and message.run in ("", newest.get(message.node, message.run))
        ]

    def leave(self, recording: Recording) -> None:
        """Nothing that comes in belongs to `recording` any more: another run may record."""
        if self.recording is recording:
            self.recording = None

    async def close(self, recording: Recording, result: Result) -> None:
        """Ends `recording` with its result, everything in its folder. The run stays open in the database until its report
        is drawn too. Raises HarnessError when it cannot be written."""
        self.leave(recording)
        await self.flush()
        self._open.remove(recording)
        await asyncio.to_thread(recording.folder.close)
        if recording.failure:  # one of the two may have got what the other has not
            await asyncio.to_thread(reconcile, self.database, recording.folder, recording.run)
        await asyncio.to_thread(recording.folder.write_result, result)

    async def abandon(self, recording: Recording) -> None:
        """Gives `recording` up, with what came in so far: its run has failed."""
        self.leave(recording)
        await self.flush()
        if recording in self._open:
            self._open.remove(recording)
            await asyncio.to_thread(recording.folder.close)

    async def run(self) -> None:
        """Writes what came in, twice a second, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            await self.flush()

    async def flush(self) -> None:
        """Writes what is pending. A failure is told, and spoils the recording: it goes on incomplete."""
        async with self._writing:
            for recording in [recording for recording in self._open if recording.pending]:
                pending, recording.pending = recording.pending, []
                try:
                    await asyncio.to_thread(self._write, recording.folder, pending)
                except Exception as error:  # a full disk, a database that is gone: no reason for the daemon to end
                    recording.failure = recording.failure or f"the record is not complete: {error}"
                    print(f"netreserve: {error}", file=sys.stderr)

    def _write(self, folder: RunFolder, pending: list[Sample | Event]) -> None:
        samples = [message for message in pending if isinstance(message, Sample)]
        said = [message for message in pending if isinstance(message, Event)]
        events = [event for event in said if not isinstance(event.detail, LINE_KINDS)]
        folder.append(samples, events)
        for event in said:
            if isinstance(event.detail, LINE_KINDS):
                folder.append_text(log_name(event), log_text(event))
        self.database.insert(samples, events)
