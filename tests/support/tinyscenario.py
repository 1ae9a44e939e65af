"""A scenario that the simulator decides in a second: `classic` with a quarter of its memory and short phases."""

from __future__ import annotations

from pathlib import Path

from clirunner import ROOT
from msgspec import structs

from controller.experiment.scenario import Scenario, dump, load
from controller.experiment.scenario.vary import vary
from controller.simulated.local import judged_record
from controller.simulated.simulate import CONTROLLER, Outcome
from controller.store.folder import RunFolder
from nodes.eventkinds import Judged
from nodes.messages import Event

QUARTER = {
    "nodes.initiator.memory": "16 MiB",
    "nodes.initiator.working_set": "24 MiB",
    "nodes.initiator.min_free": "1 MiB",
    "nodes.initiator.touch_rate": "4 kpages/s",
    "floods.0.rcvbuf": "1 MiB",
    "phases.warmup": "3 s",
    "phases.flood": "3 s",
    "phases.heal": "1 s",
}


def tiny(policy: str = "none", **changes: object) -> Scenario:
    """It deadlocks under `none` and lives under `memalloc`; `changes` by dotted path, with `__` for a dot."""
    named = {path.replace("__", "."): value for path, value in changes.items()}
    return vary(load(ROOT / "scenarios" / "classic.yaml"), QUARTER | {"policy": policy} | named)


def record(runs: Path, scenario: Scenario, outcome: Outcome, run: str = "20261122T201715Z-3fa9c1") -> Path:
    """The run folder that the simulator would leave behind, without report and index."""
    known = structs.replace(outcome.result, run=run, started_ns=1)
    result = judged_record(scenario, structs.replace(outcome, result=known)).result
    end_ns = result.phases[-1].end_ns
    judged = Event(t_ns=end_ns, node=CONTROLLER, run="any", detail=Judged(verdict=result.verdict))
    folder = RunFolder.create(runs, scenario.name, run)
    folder.append(outcome.samples, [*outcome.events, judged])
    folder.close()
    folder.write("scenario.yaml", dump(scenario))
    folder.write_result(result)
    return folder.path
