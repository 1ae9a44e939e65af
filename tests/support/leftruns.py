"""Runs as a killed controller leaves them: open in the database, with a record that goes as far as it got."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from traces import CYCLE, NODE, WARMUP, at, stretch, trace

from controller.service.recorder import CONTROLLER
from controller.store.database import Database, RunRow
from controller.store.folder import RunFolder
from nodes.eventkinds import detail_of
from nodes.messages import Event, Sample

ROW = RunRow(
    run="20261122T201715Z-3fa9c1",
    scenario="classic",
    kind="scenario",
    folder="classic/20261122T201715Z-3fa9c1",
    tier="container",
    policy="none",
    started_ns=at(0),
)


def told(second: float, kind: str, node: str = CONTROLLER, /, **detail: Any) -> Event:
    return Event(t_ns=at(second), node=node, run=ROW.run, detail=detail_of(kind, detail))


HUNG: list[Sample | Event] = [
    *(msgspec.structs.replace(sample, run=ROW.run) for sample in trace(WARMUP, stretch(4, 0), stretch(3, 0))),
    told(0, "phase", phase="warmup"),
    told(5, "phase", phase="flood"),
    told(5, "flood_start", kind="udp"),
    told(7, "stall", NODE, cycle=CYCLE, waits=CYCLE, stalled_ns=1),
    told(7.5, "fault", "target-1", fault="stalled", action="begin", concerns=[NODE]),
    told(8, "io_error", NODE, page=1, write=False, errno=5),
    told(9, "phase", phase="heal"),
    told(9, "flood_stop"),
    told(11, "harness", void="the flood was not in force"),
    told(11.5, "verdict", verdict="inconclusive"),
]
RECORD = sorted(HUNG, key=lambda message: message.t_ns)


def left_open(database: Database, record: Sequence[Sample | Event], row: RunRow = ROW, torn: bytes = b"") -> RunFolder:
    """A run as a killed controller leaves it."""
    folder = RunFolder.create(Path(database.url.removeprefix("sqlite:///")).parent, row.scenario, row.run)
    samples = [message for message in record if isinstance(message, Sample)]
    events = [message for message in record if isinstance(message, Event)]
    database.open_run(row)
    database.insert(samples, events)
    folder.append(samples, events)
    folder.append_text("events.jsonl", torn.decode())
    folder.close()
    return folder
