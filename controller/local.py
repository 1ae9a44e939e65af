"""A run in this process, without Docker or a broker: simulated, judged, recorded as every other run is.

The files of the record are the same whenever scenario and seed are: they hold virtual time, and `<scenario>-seed<seed>` for
the run. In the database rows have the run's id.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import msgspec
from msgspec import structs

from controller import nextstep
from controller.allocators.watch import AllocationWatch
from controller.conclude import INTERRUPTED, conclude
from controller.drawing import Drawing
from controller.record import CycleEdge, NodeVerdict, Result, RunRow
from controller.scenario import Scenario, dump, policy_text
from controller.simulate import CONTROLLER, Heard, Outcome, Simulation
from controller.store.folder import RunFolder, new_run_id
from controller.verdict import void
from nodes.messages import Event, Sample
from nodes.sim.proof import Proof
from nodes.units import SECOND_NS, format_ns

M = TypeVar("M", Sample, Event)
PROVED = "Proved: no pending event can ever free a page."


class Simulated(Protocol):
    """What carries a scenario out: `controller.simulate.Simulation`."""

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


def run_here(
    scenario: Scenario, runs_folder: Path, *, url: str = "", heard: Heard | None = None, traced: bool = False
) -> Local:
    """Carries out `scenario`. KeyboardInterrupt while it goes on ends it early: it is judged as far as it got. `url`:
    another database than the runs folder's. `traced`: what is asked of packet allocators is recorded too. Raises UsageError
    for a machine that cannot be, HarnessError when the record cannot be written."""
    drawing, started_ns = Drawing(), time.time_ns()
    try:
        simulation = Simulation(scenario, heard=heard)
        watch = AllocationWatch(simulation) if traced else None
        outcome = carry_out(simulation)
        record = _Record(scenario, outcome, runs_folder, started_ns)
        drawing.draw(record.folder.path, record.result, outcome.samples, record.events)
        record.index(url)
        if watch is not None:
            watch.write(record.folder.path)
    except BaseException:
        drawing.drop()
        raise
    return Local(record.folder.path, record.result, drawing.wait())


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
        notes=[f"{format_ns(virtual_ns)} of virtual time took {took_s:.1f} s to simulate"],
        metrics={"virtual_s": virtual_ns / SECOND_NS, "flood_sent_packets": float(outcome.sent_packets)},
        environment=environment(),
        seed=scenario.seed,
        proved=outcome.proofs,
    )
    return _with_proofs(result, outcome.proofs)


def environment() -> dict[str, object]:
    """Where this ran."""
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
    """The run folder, written; and the index of runs."""

    def __init__(self, scenario: Scenario, outcome: Outcome, runs_folder: Path, started_ns: int) -> None:
        run = new_run_id(started_ns)
        self._runs_folder, self._samples = runs_folder, outcome.samples
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
        self.folder = RunFolder.create(runs_folder, scenario.name, run)
        self._write(scenario)

    def _write(self, scenario: Scenario) -> None:
        self.folder.append(self._samples, self.events)
        self.folder.close()
        self.folder.write("scenario.yaml", dump(scenario))
        self.folder.write_json("env.json", self.result.environment)
        self.folder.write_result(self.result)

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
    detail = {"verdict": result.verdict, "sentence": result.sentence}
    return Event(t_ns=end_ns, node=CONTROLLER, run=_run_of(outcome), kind="verdict", detail=detail)


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
    return structs.replace(node, cycle=tuple(_edges(proof)), proof=proof.sentence())


def _edges(proof: Proof) -> Iterator[CycleEdge]:
    for wait in proof.cycle:
        yield msgspec.convert(msgspec.to_builtins(wait), CycleEdge, strict=False)
