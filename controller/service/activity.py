"""A run under way, whatever its kind: what the daemon may ask of it, and its end."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version

import msgspec

from controller.api import Progress, ProgressRow, Unfinished
from controller.experiment import nextstep
from controller.experiment.conclude import INTERRUPTED, conclude
from controller.experiment.expect import Expectation
from controller.experiment.record import Result
from controller.experiment.trace import since_progress
from controller.experiment.verdict import heal_needed_ns
from controller.service.connections import Parts
from controller.service.floodwatch import FloodWatch
from controller.service.guestlines import autopsies
from controller.service.nodes import Node
from controller.service.recorder import CONTROLLER, Recording
from controller.service.settings import settings
from controller.store.drawing import write_report
from nodes.agent.tasks import end
from nodes.errors import NetreserveError
from nodes.eventkinds import Detail, Harness, Judged, NodeChanged, OutOfMemory
from nodes.messages import Event, Sample, Status
from nodes.units import SECOND_NS, format_bytes

SAMPLES_LAG_NS = 500_000_000
"""The record of a phase reaches so far behind its end: a few samples and their way (own)."""

AFTERMATH_S = 0.3
"""A broker that is stopped publishes everybody's last will first: so long after one it is known who went (own)."""
LOOK_S = 1.0
"""A machine that stands still is judged anew so often: it needs seconds of standing more, or moves again (own)."""
WRITING_NS = 5 * SECOND_NS
"""What judging and drawing take (own: 2 to 4 s on a core that is not idle)."""
JUDGING = "it is being judged and written"
"""What a run waits for at last: no node moves any more in what is shown of it."""


class Activity:
    """One run. `nodes` are those that take part; when one of them dies, the run is void."""

    def __init__(self, parts: Parts, watch: FloodWatch, recording: Recording, nodes: Sequence[Node]) -> None:
        self.parts, self.watch, self.recording, self.nodes = parts, watch, recording, list(nodes)
        self.expected_ns = 0
        self.message = "setting up"
        """What it waits for; empty while a phase goes on as planned."""
        self.notes: list[str] = []
        self.metrics: dict[str, float] = {}
        """Figures of the run as a whole."""
        self._waits_ns, self._look_s = 0, 0.0
        self._autopsies: set[asyncio.Task[None]] = set()
        self._broker_lost = False
        self.held = 0
        """How many changes by hand are under way: until they are acknowledged or failed, the run does not end by itself."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stop_hearing = parts.nodes.listen(self._hear)
        self.over = asyncio.Event()
        """Set when another run may record: this one is only judged and written any more."""

    @property
    def initiators(self) -> list[str]:
        """Who is judged."""
        return [node.name for node in self.nodes if node.role == "initiator"]

    @property
    def heard_ns(self) -> int:
        """When the newest flood began that is in the record."""
        return 0 if self.over.is_set() else self.watch.began_ns

    def stop(self) -> None:
        """A person ends it."""
        self.void(INTERRUPTED, next_step=nextstep.FINISH)

    def void(self, reason: str, *, harness: bool = False, next_step: str = "") -> None:
        """Makes the run prove nothing, and ends it. `harness` and `next_step`: see `Harness`."""
        self.void_as(Harness(void=reason, harness=harness, next_step=next_step))

    def void_as(self, told: Harness) -> None:
        """The same, with all that can be said of it."""
        self.note(told, node="")
        if not self.ended.done():
            self.ended.set_result(None)

    def broker_lost(self, why: str) -> None:
        """`why` names the broker. A run that has heard all that it needs stands."""
        self._broker_lost = True
        if self.message != JUDGING:
            self.void(f"{why} in the {self.recording.phase or 'setup'} phase", harness=True)

    async def let_go(self) -> None:
        """Whatever became of the run: nothing that nodes say from now on concerns it."""
        self._stop_hearing()
        await end(*self._autopsies)

    def heal_needed_ns(self, planned_ns: int) -> int:
        """How long the heal phase, planned to last `planned_ns`, must last in all for a verdict; 0 when nobody stands still.
        Asked ten times a second, beside all else: an answer that says to wait is good for LOOK_S."""
        if not self._waits_ns or time.monotonic() >= self._look_s:
            recording = self.recording
            series = since_progress(recording.samples, self.initiators)
            extension_ns = self.parts.timing.heal_extension_ns
            self._waits_ns = heal_needed_ns(recording.phases, series, recording.events, planned_ns, extension_ns)
            self._look_s = time.monotonic() + LOOK_S
        return self._waits_ns

    def note(self, detail: Detail, node: str = CONTROLLER, t_ns: int | None = None) -> None:
        """An event of this run alone, now unless `t_ns` says when."""
        t_ns = time.time_ns() if t_ns is None else t_ns
        self.recording.keep(Event(t_ns=t_ns, node=node, run=self.recording.run, detail=detail))

    def leave(self) -> None:
        """Another run may begin now: what comes in from now on is not recorded here."""
        self.parts.recorder.leave(self.recording)
        self.over.set()

    def progress(self, result: Result | None = None) -> Progress:
        """Where it stands."""
        row, judging = self.recording.row, self.message == JUDGING and result is None
        return Progress(
            run=row.run,
            scenario=row.scenario,
            phase="done" if result else self.recording.phase or "setup",
            elapsed_ns=max(time.time_ns() - row.started_ns, 0),
            expected_ns=self.expected_ns,
            rows=() if judging else tuple(_row(node, self.recording.newest.get(node.name)) for node in self.nodes),
            message=self.message,
            result=result,
            folder=row.folder,
        )

    def unfinished(self) -> Unfinished:
        """When its result is to be expected, for who asks for it too early."""
        row = self.recording.row
        if self.message == JUDGING or self.over.is_set():
            return Unfinished(run=row.run, doing=JUDGING, left_ns=WRITING_NS)
        left_ns = max(self.expected_ns - (time.time_ns() - row.started_ns), 0)
        doing = self.message or f"it is in its {self.recording.phase or 'setup'} phase"
        return Unfinished(run=row.run, doing=doing, left_ns=left_ns + WRITING_NS)

    async def finish(self, expectations: Sequence[Expectation] = (), seed: int = 0) -> Result:
        """Judges and writes everything. Raises HarnessError when the result cannot be written."""
        self._stop_hearing()
        recording = self.recording
        recording.end(now_ns := time.time_ns())
        self.message, self.expected_ns = JUDGING, now_ns - recording.row.started_ns + WRITING_NS
        began_ns = recording.phases[0].start_ns if recording.phases else recording.row.started_ns
        in_force, locust = settings(self.nodes), self.watch.take_record(began_ns)
        if self._autopsies:
            await asyncio.wait(self._autopsies)
        environment = await self._environment()
        if recording.failure:
            self.void(recording.failure, harness=True)
        known = msgspec.structs.replace(
            recording.row.unjudged(),
            seed=seed,
            phases=tuple(recording.phases),
            settings=in_force,
            notes=tuple(self.notes),
            metrics=self.metrics,
            environment=environment,
        )
        record = conclude(recording.so_far(known), self.initiators, expectations)
        result = record.result
        self.note(Judged(verdict=result.verdict, sentence=result.sentence))
        self._write_extras(environment, locust)
        await self._write_logs()
        await self.parts.recorder.close(recording, result)
        await write_report(recording.folder, record)
        await asyncio.to_thread(self.parts.recorder.database.close_run, result)
        return result

    def _hear(self, node: Node, what: Sample | Event | Status) -> None:
        if isinstance(what, Status) and node in self.nodes:
            self.note(NodeChanged(state=what.state, reason=what.reason), node.name)
            if what.state != "online":
                self.died(node, what)

    def died(self, node: Node, status: Status) -> None:
        """A node went away. Nothing that it could say counts any more."""
        task = asyncio.create_task(self._autopsy(node, status))
        self._autopsies.add(task)
        task.add_done_callback(self._autopsies.discard)

    async def _autopsy(self, node: Node, status: Status) -> None:
        """At once: a container that is started again forgets what it died of."""
        phase = self.recording.phase or "setup"
        reason = f": {status.reason}" if status.reason else ""
        try:
            found = await asyncio.to_thread(self.parts.engine.container, node.name) if self.parts.engine else None
        except NetreserveError as error:
            found, reason = None, f"{reason} ({error})"
        if found is not None and found.oom_killed:
            self.note(OutOfMemory(whose="real", limit_bytes=found.memory_limit_bytes), node.name)
            reason = f": its container's memory limit of {format_bytes(found.memory_limit_bytes)} killed it"
        await asyncio.sleep(AFTERMATH_S)
        if not self._broker_lost:
            self.void(f"{node.name} went {status.state} in the {phase} phase{reason}", harness=True)

    def _write_extras(self, environment: dict[str, object], locust: dict[str, object] | None) -> None:
        self.recording.folder.write_json("env.json", environment)
        for name, text in autopsies(self.recording.events).items():
            self.recording.folder.write(name, text)
        if locust is not None:
            self.recording.folder.write_json("locust.json", locust)

    async def _write_logs(self) -> None:
        if self.parts.engine is None:
            return
        since_s = self.recording.row.started_ns // SECOND_NS
        for node in self.nodes:
            try:
                log = await asyncio.to_thread(self.parts.engine.logs, node.name, since_s)
            except NetreserveError as error:
                log = f"not collected: {error}\n".encode()
            self.recording.folder.write(f"nodes/{node.name}.log", log)

    async def _environment(self) -> dict[str, object]:
        """Where this ran, and the containers as they are now."""
        found: dict[str, object] = {
            "netreserve": version("netreserve"),
            "python": platform.python_version(),
            "kernel": platform.release(),
            "cpus": os.cpu_count(),
            "nodes": {node.name: msgspec.to_builtins(node.status) for node in self.nodes},
        }
        if self.parts.engine is None:
            return found | {"docker": "not configured: memory limits were neither set nor read back"}
        try:
            containers = await asyncio.to_thread(self.parts.engine.containers)
        except NetreserveError as error:
            return found | {"docker": str(error)}
        return found | {"containers": {name: msgspec.to_builtins(item) for name, item in containers.items()}}


def _row(node: Node, sample: Sample | None) -> ProgressRow:
    """`sample`: the node's last one in the run."""
    if sample is None or not node.online:
        return ProgressRow(node=node.name, state=node.status.state if node.status else "unknown")
    return ProgressRow(
        node=node.name,
        state=sample.state,
        policy=sample.policy,
        free_pages=sample.free_pages,
        min_pages=sample.min_pages,
        in_flight=sample.in_flight,
        progress_age_ns=sample.progress_age_ns,
        drops=sample.early_drops + sample.rcvbuf_drops + sample.no_buffer_drops,
        swap_pages_per_s=_swap_rate(node.samples[0], node.samples[-1]),
    )


def _swap_rate(first: Sample, last: Sample) -> float:
    pages = last.swap_in_pages + last.swap_out_pages - first.swap_in_pages - first.swap_out_pages
    elapsed_ns = last.t_ns - first.t_ns
    return max(pages, 0) * SECOND_NS / elapsed_ns if elapsed_ns > 0 else 0.0
