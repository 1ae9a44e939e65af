"""Made-up runs put into a runs folder, as a controller would have left them."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from controller.experiment.record import Record, RunRow
from controller.store.database import Database
from controller.store.folder import RunFolder


def stored(runs: Path, record: Record, *, run: str = "", scenario: str = "", closed: bool = True) -> Path:
    """The folder of `record`, in the folder and the index of `runs`. `scenario`: the text of its file; not `closed`: whoever
    made it was stopped before it had a result."""
    told = structs.replace(record.result, run=run or record.result.run)
    row = RunRow(
        run=told.run,
        scenario=told.scenario,
        kind=told.kind,
        folder=f"{told.scenario}/{told.run}",
        tier=told.tier,
        policy=told.policy,
        started_ns=told.started_ns,
    )
    runs.mkdir(exist_ok=True)
    samples = [structs.replace(sample, run=told.run) for sample in record.samples]
    events = [structs.replace(event, run=told.run) for event in record.events]
    folder, database = RunFolder.create(runs, told.scenario, told.run), Database.of(runs)
    try:
        database.create()
        database.open_run(row)
        database.insert(samples, events)
        folder.append(samples, events)
        folder.close()
        if scenario:
            folder.write("scenario.yaml", scenario)
        if closed:
            folder.write_result(told)
            database.close_run(told)
    finally:
        database.close()
    return folder.path
