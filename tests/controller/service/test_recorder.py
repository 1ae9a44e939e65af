"""What is kept of what nodes say: nothing that a node sends costs more than itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.record import Result
from controller.recorded import _events, _samples
from controller.service.recorder import Recorder, Recording
from controller.store.database import Database
from nodes.eventkinds import detail_of
from nodes.messages import Event, Sample

GOOD = Sample(t_ns=time.time_ns(), node="initiator-1", run="r", free_pages=7)
HUGE = [msgspec.structs.replace(GOOD, **{name: 2**70}) for name in ("free_pages", "t_ns", "requests_served")]


def told(kind: str, **detail: Any) -> Event:
    return Event(t_ns=time.time_ns(), node="initiator-1", run="r", detail=detail_of(kind, detail))


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    database = Database.of(tmp_path)
    database.create()
    return Recorder(database, tmp_path)


async def opened(recorder: Recorder) -> Recording:
    return await recorder.open(scenario="s", kind="adhoc", policy="none")


@pytest.mark.parametrize(
    "absurd",
    [
        *HUGE,
        told("console", lines=[[2**70, "long after the sun"]]),
    ],
    ids=lambda message: type(message).__name__,
)
async def test_a_message_that_cannot_be_written_costs_itself_alone(recorder: Recorder, absurd: Sample | Event) -> None:
    recording = await opened(recorder)
    recorder.take(GOOD)
    with pytest.raises((OverflowError, TypeError, ValueError)):
        recorder.take(absurd)
    recorder.take(told("io_error", page=2**63, write=False, errno=5))
    await recorder.flush()
    assert recording.failure == ""
    assert len(recorder.database.samples(recording.run)) == len(recorder.database.events(recording.run)) == 1


async def test_a_database_that_fails_for_a_while_gets_all_at_the_end(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("it is locked")

    recording = await opened(recorder)
    with monkeypatch.context() as patch:
        patch.setattr(recorder.database, "insert", fail)
        recorder.take(GOOD)
        await recorder.flush()
    assert recording.failure == "the record is not complete: it is locked"
    recorder.take(told("stall", pages=1))
    await recorder.close(Result(run=recording.run, scenario="s"))
    run, folder = recording.run, recording.folder.path
    assert recorder.database.samples(run) == list(_samples(folder / "samples.csv")) != []
    assert recorder.database.events(run) == list(_events(folder / "events.jsonl")) != []
