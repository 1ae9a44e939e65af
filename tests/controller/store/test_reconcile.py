"""Database and folder of a killed writer, made the same again."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import pytest

from controller.store.database import Database, RunRow
from controller.store.folder import RunFolder
from controller.store.reconcile import reconcile
from controller.store.recorded import _events, _samples
from nodes.eventkinds import Stalled
from nodes.messages import Event, Sample

ROW = RunRow(
    run="20261122T201715Z-3fa9c1",
    scenario="classic",
    kind="scenario",
    folder="classic/20261122T201715Z-3fa9c1",
    tier="container",
    policy="none",
    started_ns=1_700_000_000_000_000_000,
)
SAMPLE = Sample(t_ns=ROW.started_ns + 100, node="initiator-1", run=ROW.run, state="running", junk_held_bytes=1 << 40)
EVENT = Event(t_ns=ROW.started_ns + 200, node="initiator-1", run=ROW.run, detail=Stalled(stalled_ns=7))
SAMPLES = [msgspec.structs.replace(SAMPLE, t_ns=SAMPLE.t_ns + number, rx_packets=1234) for number in range(4)]
EVENTS = [msgspec.structs.replace(EVENT, t_ns=EVENT.t_ns + number) for number in range(4)]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database.of(tmp_path)
    database.create()
    database.open_run(ROW)
    return database


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, ROW.scenario, ROW.run)


def both_hold(database: Database, folder: RunFolder, samples: list[Sample], events: list[Event]) -> bool:
    in_database = (database.samples(ROW.run), database.events(ROW.run))
    in_folder = (list(_samples(folder.path / "samples.csv")), list(_events(folder.path / "events.jsonl")))
    return in_database == in_folder == (samples, events)


@pytest.mark.parametrize(("recorded", "written"), [(4, 4), (2, 4), (4, 2), (0, 4), (4, 0), (0, 0)])
def test_each_gets_what_the_other_has(database: Database, folder: RunFolder, recorded: int, written: int) -> None:
    database.insert(SAMPLES[:recorded], EVENTS[:recorded])
    folder.append(SAMPLES[:written], EVENTS[:written])
    folder.close()
    most = max(recorded, written)
    assert reconcile(database, folder, ROW.run) == (SAMPLES[:most], EVENTS[:most], [])
    assert both_hold(database, folder, SAMPLES[:most], EVENTS[:most])
    reconcile(database, folder, ROW.run)
    assert both_hold(database, folder, SAMPLES[:most], EVENTS[:most]), "a second time changes nothing"


@pytest.mark.parametrize("cut", [1, 2, 3, 10, 60])
def test_half_a_line_is_told_and_kept(database: Database, folder: RunFolder, cut: int) -> None:
    folder.append(SAMPLES, EVENTS)
    folder.close()
    for name in ("samples.csv", "events.jsonl"):
        path = folder.path / name
        path.write_bytes(path.read_bytes()[:-cut])
    torn = {path.name: path.read_bytes() for path in (folder.path / "samples.csv", folder.path / "events.jsonl")}
    _, _, notes = reconcile(database, folder, ROW.run)
    assert both_hold(database, folder, SAMPLES[:3], EVENTS[:3])
    assert [note.partition(":")[0] for note in notes] == [
        "0 lines of samples.csv could not be read, and it ended in half a line",
        "0 lines of events.jsonl could not be read, and it ended in half a line",
    ]
    for name, content in torn.items():
        assert (folder.path / f"{name}.unreadable").read_bytes() == content


def test_a_line_that_is_none_costs_itself_alone(database: Database, folder: RunFolder) -> None:
    folder.append(SAMPLES, EVENTS)
    folder.close()
    nested = b'{"t_ns":1,"node":"n","run":"r","kind":"k","detail":{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}}"
    for name, lines in (("samples.csv", (b"1,2", b"\xff", b"x" * 200)), ("events.jsonl", (b"[]", b"\xff\xfe", nested))):
        path = folder.path / name
        path.write_bytes(path.read_bytes() + b"\n".join(lines) + b"\n")
    _, _, notes = reconcile(database, folder, ROW.run)
    assert both_hold(database, folder, SAMPLES, EVENTS)
    assert [note.partition(" could")[0] for note in notes] == ["3 lines of samples.csv", "3 lines of events.jsonl"]
    (folder.path / "events.jsonl").write_bytes(b"again\n")
    reconcile(database, folder, ROW.run)
    assert (folder.path / "events.jsonl.unreadable-2").read_bytes() == b"again\n", "nothing is overwritten"


def test_a_folder_that_is_gone_comes_back(database: Database, tmp_path: Path) -> None:
    database.insert(SAMPLES, EVENTS)
    folder = RunFolder(tmp_path, ROW.folder)
    reconcile(database, folder, ROW.run)
    assert both_hold(database, folder, SAMPLES, EVENTS)
    with (folder.path / "samples.csv").open() as lines:
        assert next(csv.reader(lines)) == list(Sample.__struct_fields__)
