"""A run in this process, without Docker or a broker: simulated, judged, recorded as every other run is.

The files of the record are the same whenever scenario and seed are: they hold virtual time, and `<scenario>-seed<seed>` for
the run. In the database rows have the run's id.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, TypeVar

from msgspec import structs

from controller.experiment import nextstep
from controller.experiment.conclude import INTERRUPTED, conclude
from controller.experiment.record import NodeVerdict, Record, Result, RunRow
from controller.experiment.scenario import Scenario, dump
from controller.experiment.verdict import void
from controller.simulated.interrupts import kept_interrupts
from controller.simulated.simulate import CONTROLLER, Heard, Outcome, Simulation
from controller.store.drawing import Drawing
from controller.store.folder import INDEX, RunFolder, new_run_id
from controller.store.ready import require_writable
from nodes.errors import HarnessError, NetreserveError
from nodes.eventkinds import Judged
from nodes.messages import Event, Sample
from nodes.sim.proof import Proof
from nodes.units import SECOND_NS, format_ns

if TYPE_CHECKING:
    from controller.simulated.allocations import AllocationWatch

M = TypeVar("M", Sample, Event)
PROVED = "Proved: in the model, whose TCP never gives up, no pending event can ever free a page."


class Simulated(Protocol):
    """What carries a scenario out: `controller.simulated.simulate.Simulation`."""

    def warm_up(self) -> None: ...
    def flood(self) -> None: ...
    def heal(self) -> None: ...
    def outcome(self) -> Outcome: ...


class Local(NamedTuple):
    """A finished run."""

    folder: Path
    result: Result
    problem: str
    """Why it has no report (one line); empty when it has."""
    fault: NetreserveError | None = None
    """Why its record is not whole: the result stands, but it cannot be found again, or not all of it."""


def run_here(
    scenario: Scenario, runs_folder: Path, *, url: str = "", heard: Heard | None = None, traced: bool = False
) -> Local:
    """Simulates and records `scenario`: see LocalRun."""
    with LocalRun(scenario, runs_folder, url=url, traced=traced) as run:
        run.simulate(heard)
        return run.record()


class LocalRun:
    """A run of `scenario` in this process; a context manager. `url`: another database than the runs folder's. `traced`: what
    is asked of packet allocators is recorded too. `run`: its id, where somebody has given it one. Raises LackingError where
    it could not be kept, UsageError for a machine that cannot be."""

    def __init__(
        self, scenario: Scenario, runs_folder: Path, *, url: str = "", traced: bool = False, run: str = ""
    ) -> None:
        require_writable(runs_folder, None if url else runs_folder / INDEX)
        self._scenario, self._runs_folder, self._url, self._traced = scenario, runs_folder, url, traced
        self._drawing, self._started_ns = Drawing(), time.time_ns()
        self.run = run or new_run_id(self._started_ns)
        self.simulation: Simulation | None = None
        """Once it has begun: for whoever looks at it between two steps."""
        self._watch: AllocationWatch | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._drawing.drop()

    def simulate(self, heard: Heard | None = None) -> None:
        """KeyboardInterrupt while it goes on ends it early: it is judged as far as it got."""
        self.simulation = simulation = Simulation(self._scenario, heard=heard)
        if self._traced:
            from controller.simulated.allocations import AllocationWatch

            self._watch = AllocationWatch(simulation)
        self._outcome = carry_out(simulation)

    def record(self) -> Local:
        """Judges, writes, enters into the index and draws. Ctrl-C waits until the run is in the index, and not for the
        drawing. Nothing that goes wrong with the record hides the result."""
        filed = _Filed(self._scenario, self._outcome, self._runs_folder, self._started_ns, self.run)
        fault, problem = None, INTERRUPTED
        try:
            with kept_interrupts():
                fault = self._kept(filed)
            problem = self._drawing.wait()
        except KeyboardInterrupt:
            self._drawing.drop()
        return Local(filed.path, filed.record.result, problem, fault)

    def _kept(self, filed: _Filed) -> NetreserveError | None:
        """What went wrong. The drawing is begun before the index, which takes as long to load as a drawing does."""
        fault = _fault(self._write, filed)
        self._drawing.draw(filed.path, filed.record)
        return fault or _fault(_Filed.index, filed, self._url)

    def _write(self, filed: _Filed) -> None:
        filed.write()
        if self._watch is not None:
            self._watch.write(filed.path)


def _fault(step: Callable[..., None], filed: _Filed, *more: str) -> NetreserveError | None:
    try:
        step(filed, *more)
    except OSError as error:
        return HarnessError(f"the record in {filed.path} is not whole: {error.strerror}")
    except NetreserveError as error:
        return error
    return None


def carry_out(simulation: Simulated) -> Outcome:
    """To the end, or to Ctrl-C: then the record says that it proves nothing."""
    try:
        simulation.warm_up()
        simulation.flood()
        simulation.heal()
    except KeyboardInterrupt:
        outcome = simulation.outcome()
        result = outcome.result
        event = void(_ended_ns(result), result.run, INTERRUPTED, next_step=nextstep.FINISH)
        return structs.replace(outcome, events=[*outcome.events, event])
    return simulation.outcome()


def judged_record(scenario: Scenario, outcome: Outcome) -> Record:
    """`outcome`, judged, with what `scenario` expects of it; a deadlock is told with its proof."""
    result = structs.replace(outcome.result, environment=environment())
    record = conclude(
        structs.replace(outcome, result=result), outcome.initiators, scenario.expect, proved=outcome.proofs
    )
    return structs.replace(record, result=_with_proofs(record.result, outcome.proofs))


def environment() -> dict[str, object]:
    """Where this ran."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("netreserve")
    except PackageNotFoundError:  # run from a folder that was never installed
        own = "unknown"
    return {
        "netreserve": own,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpus": os.cpu_count(),
    }


class _Filed:
    """A run as it is written: its folder, and its row in the index of runs."""

    def __init__(self, scenario: Scenario, outcome: Outcome, runs_folder: Path, started_ns: int, run: str) -> None:
        told = outcome.result
        self._scenario, self._runs_folder = scenario, runs_folder
        self._row = RunRow(
            run=run,
            scenario=told.scenario,
            kind=told.kind,
            folder=f"{told.scenario}/{run}",
            tier=told.tier,
            policy=told.policy,
            started_ns=started_ns,
        )
        took_s = (time.time_ns() - started_ns) / SECOND_NS
        note = f"{format_ns(_ended_ns(told))} of virtual time took {took_s:.1f} s to simulate"
        known = structs.replace(told, run=run, started_ns=started_ns, notes=(note, *told.notes))
        record = judged_record(scenario, structs.replace(outcome, result=known))
        self.record = structs.replace(record, events=[*record.events, _verdict(told.run, record)])
        self.path = runs_folder / self._row.folder

    def write(self) -> None:
        """The run folder. Raises HarnessError and OSError."""
        folder = RunFolder.create(self._runs_folder, self._row.scenario, self._row.run)
        folder.append(self.record.samples, self.record.events)
        folder.close()
        folder.write("scenario.yaml", dump(self._scenario))
        folder.write_json("env.json", self.record.result.environment)
        folder.write_result(self.record.result)

    def index(self, url: str) -> None:
        """Enters the run into the database."""
        from controller.store.database import Database  # here: it takes half a second, in which the report is begun

        database = Database.of(self._runs_folder, url)
        try:
            database.create()
            database.open_run(self._row)
            run, record = self._row.run, self.record
            database.insert(_of_run(record.samples, run), _of_run(record.events, run))
            database.close_run(record.result)
        finally:
            database.close()


def _ended_ns(result: Result) -> int:
    """How far virtual time came."""
    return result.phases[-1].end_ns if result.phases else 0


def _verdict(run: str, record: Record) -> Event:
    """What the controller says last, under the name that the run has in its own record."""
    end_ns = max([_ended_ns(record.result), *(event.t_ns for event in record.events)])
    detail = Judged(verdict=record.result.verdict, sentence=record.result.sentence)
    return Event(t_ns=end_ns, node=CONTROLLER, run=run, detail=detail)


def _of_run(messages: Sequence[M], run: str) -> list[M]:
    return [structs.replace(message, run=run) for message in messages]


def _with_proofs(result: Result, proofs: Mapping[str, Proof]) -> Result:
    """`result` with the proof of each node that was judged by one."""
    nodes = tuple(_proved(node, proofs.get(node.node)) for node in result.nodes)
    if nodes == result.nodes:
        return result
    return structs.replace(result, nodes=nodes, sentence=f"{result.sentence} {PROVED}")


def _proved(node: NodeVerdict, proof: Proof | None) -> NodeVerdict:
    if proof is None or node.verdict != "deadlocked":
        return node
    return structs.replace(node, cycle=tuple(proof.cycle), proof=proof.sentence())
