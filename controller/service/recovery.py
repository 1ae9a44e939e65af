"""Runs that an earlier controller left open when it died: marked inconclusive, with all that was recorded, and reported."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from controller.conclude import conclude
from controller.drawing import write_report
from controller.record import Phase, Result
from controller.store.database import Database, RunRow
from controller.store.folder import RunFolder
from controller.verdict import void
from nodes.messages import Event, Sample

RESTARTED = "controller restarted"


async def recover(database: Database, runs_folder: Path) -> list[Result]:
    """Closes every run that is still open in `database`. Raises HarnessError when that cannot be written."""
    return [await _close(database, runs_folder, row) for row in database.unfinished()]


async def _close(database: Database, runs_folder: Path, row: RunRow) -> Result:
    event = void(time.time_ns(), row.run, RESTARTED)
    database.insert([], [event])
    samples, events = database.samples(row.run), database.events(row.run)
    initiators = sorted({sample.node for sample in samples if sample.min_pages})  # a target has no watermarks
    result = conclude(row, phases_of(samples, events), samples, events, initiators=initiators, notes=[RESTARTED])
    folder = RunFolder(runs_folder, row.folder)
    folder.write_result(result)
    database.close_run(result)
    await write_report(folder, result, samples, events)
    print(f"netreserve: run {row.run} of '{row.scenario}' is inconclusive: {RESTARTED}", file=sys.stderr)
    return result


def phases_of(samples: Sequence[Sample], events: Sequence[Event]) -> list[Phase]:
    """The phases as their events tell; the last one ended with the record."""
    began = [(str(event.detail["phase"]), event.t_ns) for event in events if event.kind == "phase"]
    last_ns = max([sample.t_ns for sample in samples] + [t_ns for _, t_ns in began], default=0)
    ends_ns = [t_ns for _, t_ns in began[1:]] + [last_ns]
    return [
        Phase(name=name, start_ns=start_ns, end_ns=end_ns)
        for (name, start_ns), end_ns in zip(began, ends_ns, strict=True)
    ]
