"""Runs that nobody ended: left open by an earlier controller that died, or given up by this one. Whatever is missing of
their end is done: judged as far as they got, recorded, drawn, closed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from controller.experiment import nextstep
from controller.experiment.conclude import conclude
from controller.experiment.exitcodes import EXIT_HARNESS
from controller.experiment.record import Phase, Record, Result
from controller.experiment.verdict import void
from controller.service.recorder import CONTROLLER
from controller.store.database import Database, RunRow
from controller.store.drawing import write_report
from controller.store.folder import RunFolder
from controller.store.reconcile import reconcile
from nodes.eventkinds import PhaseBegun
from nodes.messages import Event, Sample

RESTARTED = "controller restarted"


async def recover(database: Database, runs_folder: Path) -> list[Result]:
    """Ends every run that is still open in `database`. Raises HarnessError when the database cannot be read at all."""
    return [await end_run(database, runs_folder, row, RESTARTED) for row in database.unfinished()]


async def end_run(database: Database, runs_folder: Path, row: RunRow, reason: str) -> Result:
    """Ends one run: unless it was judged already, it proves nothing for `reason`, a fault of ours. Raises nothing: a run
    whose record or folder is of no use is closed as it is, with that as its result, and keeps nobody from running others."""
    try:
        result = await _end(database, runs_folder, row, void(time.time_ns(), row.run, reason, harness=True))
    except Exception as error:  # whatever a killed writer, a full disk or a person's editor left there
        result = _unusable(row, f"{reason}, and its record cannot be used: {type(error).__name__}: {error}")
        _close(database, result)
    print(f"netreserve: run {row.run} of '{row.scenario}': {result.sentence}", file=sys.stderr)
    return result


async def _end(database: Database, runs_folder: Path, row: RunRow, event: Event) -> Result:
    folder = RunFolder(runs_folder, row.folder)
    record = await asyncio.to_thread(_written, database, folder, row, event)
    # always, and before it is closed: what there is of a report may be half of one
    await write_report(folder, record)
    await asyncio.to_thread(database.close_run, record.result)
    return record.result


def _written(database: Database, folder: RunFolder, row: RunRow, event: Event) -> Record:
    if folder.path.resolve().parent.parent != folder.runs.resolve():
        raise ValueError(f"its folder is '{row.folder}', not <scenario>/<run>")
    result = folder.result()
    if result is None:
        database.insert([], [event])
    samples, events, notes = reconcile(database, folder, row.run)
    if result is not None:
        return Record(result=result, samples=samples, events=events)
    known = structs.replace(row.unjudged(), notes=(event.detail.brief, *notes))
    record = _judged(row, Record(result=known, samples=samples, events=events))
    folder.write_result(record.result)
    return record


def _judged(row: RunRow, record: Record) -> Record:
    initiators = sorted({sample.node for sample in record.samples if sample.min_pages})  # a target has no watermarks
    notes = record.result.notes
    try:
        known = structs.replace(record.result, phases=phases_of(record.samples, record.events))
        return conclude(structs.replace(record, result=known), initiators)
    except Exception as error:  # what a node said may be anything; it is kept as it is
        found = f"{notes[0]}, and its record cannot be judged: {type(error).__name__}: {error}"
        return structs.replace(record, result=structs.replace(_unusable(row, found), notes=notes))


def _unusable(row: RunRow, why: str) -> Result:
    return structs.replace(
        row.unjudged(),
        ended_ns=time.time_ns(),
        sentence=f"Inconclusive: {why}.",
        next_step=nextstep.after_void(harness=True),
        data="unverified",
        exit_code=EXIT_HARNESS,
        harness_fault=True,
    )


def _close(database: Database, result: Result) -> None:
    try:
        database.close_run(result)
    except Exception as error:
        print(f"netreserve: run {result.run} stays open, the next start tries again: {error}", file=sys.stderr)


def phases_of(samples: Sequence[Sample], events: Sequence[Event]) -> tuple[Phase, ...]:
    """The phases as the controller's events tell; the last one ended with the record."""
    told = [event for event in events if event.node == CONTROLLER]
    began = [(event.detail.phase, event.t_ns) for event in told if isinstance(event.detail, PhaseBegun)]
    if not began:
        return ()
    last_ns = max([sample.t_ns for sample in samples] + [t_ns for _, t_ns in began])
    ends_ns = [*(t_ns for _, t_ns in began[1:]), last_ns]
    return tuple(
        Phase(name=name, start_ns=start_ns, end_ns=end_ns)
        for (name, start_ns), end_ns in zip(began, ends_ns, strict=True)
    )
