"""What is kept of what nodes say, in which run, and counted from where; nothing that a node sends costs more than itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.experiment.record import Result
from controller.service.recorder import RING_NS, Recorder, Recording
from controller.store.archive import Archive
from controller.store.database import Database
from controller.store.recorded import _events, _samples
from nodes.eventkinds import LinkSet, detail_of
from nodes.messages import Event, Sample

PAGES_BEFORE = 402_991
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
    await recorder.close(recording, Result(run=recording.run, scenario="s"))
    run, folder = recording.run, recording.folder.path
    assert recorder.database.samples(run) == list(_samples(folder / "samples.csv")) != []
    assert recorder.database.events(run) == list(_events(folder / "events.jsonl")) != []


def sample(age_s: float, *, run: str = "idle-1", **figures: int) -> Sample:
    t_ns = time.time_ns() - round(age_s * 1e9)
    return msgspec.structs.replace(Sample(t_ns=t_ns, node="initiator-1", run=run, free_pages=300), **figures)


async def test_a_run_on_a_living_machine_counts_from_its_own_beginning(recorder: Recorder, tmp_path: Path) -> None:
    for number in range(3):
        recorder.take(sample(3 - number, early_drops=PAGES_BEFORE + number, verified_pages=PAGES_BEFORE + 10 * number))
    recording = await recorder.open(scenario="adhoc", kind="adhoc", policy="none")
    recorder.take(sample(0, early_drops=PAGES_BEFORE + 7, verified_pages=PAGES_BEFORE + 90))
    await recorder.close(recording, Result(run=recording.run, scenario="adhoc"))

    archive = Archive(tmp_path)
    kept = archive.load().samples
    archive.close()
    assert [(one.early_drops, one.verified_pages) for one in kept] == [(0, 0), (1, 10), (2, 20), (7, 90)]
    assert {one.free_pages for one in kept} == {300}, "what is of the moment stays"


async def test_a_scenario_s_nodes_begin_with_it_so_that_all_they_count_is_its_own(recorder: Recorder) -> None:
    recording = await recorder.open(scenario="tiny", kind="scenario", policy="none", nodes=frozenset({"initiator-1"}))
    recorder.take(sample(0, run=recording.run, rx_packets=40))
    assert [one.rx_packets for one in recording.samples] == [40]


async def test_a_machine_that_began_anew_counts_from_there(recorder: Recorder) -> None:
    recording = await recorder.open(scenario="adhoc", kind="adhoc", policy="none")
    for run, drops in (("idle-1", 500), ("idle-1", 520), ("idle-2", 3), ("idle-2", 4)):
        recorder.take(sample(0, run=run, early_drops=drops))
    assert [one.early_drops for one in recording.samples] == [0, 20, 0, 1]


async def test_a_run_begins_where_it_is_told_to(recorder: Recorder) -> None:
    for age_s in (9, 5, 1):
        recorder.take(sample(age_s))
    since_ns = time.time_ns() - 6_000_000_000
    recording = await recorder.open(scenario="adhoc", kind="adhoc", policy="none", since_ns=since_ns)
    assert len(recording.samples) == 2


async def test_what_the_controller_did_just_before_is_in_the_record(recorder: Recorder) -> None:
    recorder.take(sample(1))
    recorder.note(LinkSet(delay_ns=5), "initiator-1")
    recording = await recorder.open(scenario="adhoc", kind="adhoc", policy="none")
    assert [event.kind for event in recording.events] == ["shape"]


async def test_a_run_that_is_being_closed_and_the_next_one_do_not_mix(recorder: Recorder, tmp_path: Path) -> None:
    first = await recorder.open(scenario="adhoc", kind="adhoc", policy="none")
    recorder.take(sample(0.2))
    recorder.leave(first)
    second = await recorder.open(scenario="adhoc", kind="adhoc", policy="none", since_ns=time.time_ns())
    recorder.take(sample(0))
    first.keep(told("verdict", verdict="healthy", sentence=""))
    await recorder.close(first, Result(run=first.run, scenario="adhoc"))
    recorder.take(sample(0))
    await recorder.close(second, Result(run=second.run, scenario="adhoc"))

    archive = Archive(tmp_path)
    found = [archive.load(run.run) for run in (first, second)]
    archive.close()
    assert [len(record.samples) for record in found] == [1, 2]
    assert [[event.kind for event in record.events] for record in found] == [["verdict"], []]


async def test_a_message_from_the_future_keeps_nothing_in_memory(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.take(sample(-3600.0))
    now_ns = time.time_ns() + RING_NS + 1
    monkeypatch.setattr("controller.service.recorder.time.time_ns", lambda: now_ns)
    recorder.take(sample(0, run="idle-2"))
    assert [one.run for one in recorder.recent_samples()] == ["idle-2"]
