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

from controller.experiment import inforce, nextstep
from controller.experiment.conclude import INTERRUPTED, conclude
from controller.experiment.record import NodeVerdict, Result, RunRow
from controller.experiment.scenario import Scenario, dump, policy_text
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
PROVED = "Proved: no pending event can ever free a page."


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
    is asked of packet allocators is recorded too. Raises LackingError where it could not be kept, UsageError for a machine
    that cannot be."""

    def __init__(self, scenario: Scenario, runs_folder: Path, *, url: str = "", traced: bool = False) -> None:
        require_writable(runs_folder, None if url else runs_folder / INDEX)
        self._scenario, self._runs_folder, self._url, self._traced = scenario, runs_folder, url, traced
        self._drawing, self._started_ns = Drawing(), time.time_ns()
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
        simulation = Simulation(self._scenario, heard=heard)
        if self._traced:
            from controller.simulated.allocations import AllocationWatch

            self._watch = AllocationWatch(simulation)
        self._outcome = carry_out(simulation)

    def record(self) -> Local:
        """Judges, writes, enters into the index and draws. Ctrl-C waits until the run is in the index, and not for the
        drawing. Nothing that goes wrong with the record hides the result."""
        record = _Record(self._scenario, self._outcome, self._runs_folder, self._started_ns)
        fault, problem = None, INTERRUPTED
        try:
            with kept_interrupts():
                fault = self._kept(record)
            problem = self._drawing.wait()
        except KeyboardInterrupt:
            self._drawing.drop()
        return Local(record.path, record.result, problem, fault)

    def _kept(self, record: _Record) -> NetreserveError | None:
        """What went wrong. The drawing is begun before the index, which takes as long to load as a drawing does."""
        fault = _fault(self._write, record)
        self._drawing.draw(record.path, record.result, self._outcome.samples, record.events)
        return fault or _fault(_Record.index, record, self._url)

    def _write(self, record: _Record) -> None:
        record.write()
        if self._watch is not None:
            self._watch.write(record.path)


def _fault(step: Callable[..., None], record: _Record, *more: str) -> NetreserveError | None:
    try:
        step(record, *more)
    except OSError as error:
        return HarnessError(f"the record in {record.path} is not whole: {error.strerror}")
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
        end_ns = max((phase.end_ns for phase in outcome.phases), default=0)
        event = void(end_ns, _run_of(outcome), INTERRUPTED, next_step=nextstep.FINISH)
        return structs.replace(outcome, events=[*outcome.events, event])
    return simulation.outcome()


def judged_result(scenario: Scenario, outcome: Outcome, row: RunRow) -> Result:
    """The result of the run `row` whose record is `outcome`."""
    virtual_ns = outcome.phases[-1].end_ns if outcome.phases else 0
    took_s = (time.time_ns() - row.started_ns) / SECOND_NS
    result = conclude(
        row,
        outcome.phases,
        outcome.samples,
        outcome.events,
        initiators=outcome.initiators,
        expectations=scenario.expect,
        notes=[f"{format_ns(virtual_ns)} of virtual time took {took_s:.1f} s to simulate", *outcome.notes],
        metrics=inforce.metrics(outcome.floods)
        | {
            "virtual_s": virtual_ns / SECOND_NS,
            "flood_sent_packets": float(sum(flooded.sent for flooded in outcome.floods)),
        },
        environment=environment(),
        seed=scenario.seed,
        proved=outcome.proofs,
    )
    return _with_proofs(result, outcome.proofs)


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


class _Record:
    """A run as it is written: its folder, and its row in the index of runs."""

    def __init__(self, scenario: Scenario, outcome: Outcome, runs_folder: Path, started_ns: int) -> None:
        run = new_run_id(started_ns)
        self._scenario, self._runs_folder, self._samples = scenario, runs_folder, outcome.samples
        self._row = RunRow(
            run=run,
            scenario=scenario.name,
            kind="scenario",
            folder=f"{scenario.name}/{run}",
            tier="sim",
            policy=policy_text(scenario.policy),
            started_ns=started_ns,
        )
        self.result = judged_result(scenario, outcome, self._row)
        self.events = [*outcome.events, _verdict(outcome, self.result)]
        self.path = runs_folder / self._row.folder

    def write(self) -> None:
        """The run folder. Raises HarnessError and OSError."""
        folder = RunFolder.create(self._runs_folder, self._row.scenario, self._row.run)
        folder.append(self._samples, self.events)
        folder.close()
        folder.write("scenario.yaml", dump(self._scenario))
        folder.write_json("env.json", self.result.environment)
        folder.write_result(self.result)

    def index(self, url: str) -> None:
        """Enters the run into the database."""
        from controller.store.database import Database  # here: it takes half a second, in which the report is begun

        database = Database.of(self._runs_folder, url)
        try:
            database.create()
            database.open_run(self._row)
            database.insert(_of_run(self._samples, self._row.run), _of_run(self.events, self._row.run))
            database.close_run(self.result)
        finally:
            database.close()


def _run_of(outcome: Outcome) -> str:
    return next((event.run for event in outcome.events), "")


def _verdict(outcome: Outcome, result: Result) -> Event:
    end_ns = max((event.t_ns for event in outcome.events), default=0)
    end_ns = max(end_ns, outcome.phases[-1].end_ns if outcome.phases else 0)
    detail = Judged(verdict=result.verdict, sentence=result.sentence)
    return Event(t_ns=end_ns, node=CONTROLLER, run=_run_of(outcome), detail=detail)


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
