"""Runs in database and folder, written and read."""

from __future__ import annotations

import contextlib
import csv
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from controller.experiment.record import Result
from controller.store import tables
from controller.store.archive import Archive
from controller.store.database import Database, RunRow
from controller.store.folder import INDEX, RunFolder, new_run_id
from nodes.errors import HarnessError, LackingError, UsageError
from nodes.eventkinds import Stalled, Wait
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
SAMPLE = Sample(t_ns=1_700_000_000_100_000_000, node="initiator-1", run=ROW.run, junk_held_bytes=1 << 40)
EDGE = Wait("kswapd", "writes answered", 1, 0, "storage reply", "why")
EVENT = Event(
    t_ns=1_700_000_000_200_000_000,
    node="initiator-1",
    run=ROW.run,
    detail=Stalled(cycle=(EDGE,)),
)
RESULT = Result(
    run=ROW.run,
    scenario="classic",
    ended_ns=9,
    verdict="deadlocked",
    exit_code=1,
    policy=ROW.policy,
    sentence="It hung.",
)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database.of(tmp_path)
    database.create()
    return database


def test_a_run_comes_back_as_it_went_in(database: Database) -> None:
    database.open_run(ROW)
    database.insert([SAMPLE], [EVENT])
    assert database.unfinished() == [ROW]
    assert (database.samples(ROW.run), database.events(ROW.run), database.result(ROW.run)) == ([SAMPLE], [EVENT], None)
    database.close_run(RESULT)
    assert database.unfinished() == []
    assert database.result(ROW.run) == RESULT
    assert database.runs() == [msgspec.structs.replace(ROW, ended_ns=9, verdict="deadlocked", exit_code=1)]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.builds(
            Sample,
            t_ns=st.integers(0, 2**63 - 1),
            node=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
            run=st.just("r"),
            free_pages=st.integers(-(2**63), 2**63 - 1),
        ),
        max_size=5,
    )
)
def test_samples_survive_the_database(tmp_path_factory: pytest.TempPathFactory, samples: list[Sample]) -> None:
    database = Database.of(tmp_path_factory.mktemp("runs"))
    database.create()
    database.insert(samples, [])
    assert database.samples("r") == sorted(samples, key=lambda sample: sample.t_ns)
    database.close()


def test_a_database_of_an_older_version_is_read_as_it_is_and_grows_when_written_to(tmp_path: Path) -> None:
    old = Database.of(tmp_path)
    old.create()
    old.open_run(ROW)
    old.insert([SAMPLE], [])
    old.close()
    with contextlib.closing(sqlite3.connect(tmp_path / INDEX)) as connection, connection:
        connection.execute("ALTER TABLE samples DROP COLUMN boost_pages")
    archive = Archive(tmp_path)
    record = archive.load(ROW.run)
    assert record.samples == [SAMPLE], "nobody has written to it yet"
    assert record.result == ROW.unjudged(), "it goes on"
    archive.close()
    grown = Database.of(tmp_path)
    grown.create()
    later = msgspec.structs.replace(SAMPLE, t_ns=SAMPLE.t_ns + 1, boost_pages=500)
    grown.insert([later], [])
    assert grown.samples(ROW.run) == [SAMPLE, later]


def test_the_tables_suit_postgresql() -> None:
    for table in tables.metadata.sorted_tables:
        text = str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
        assert "BIGINT" in text
    assert "BIGSERIAL" in str(CreateTable(tables.samples).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


def test_another_process_reads_while_one_writes(tmp_path: Path, database: Database) -> None:
    database.open_run(ROW)
    database.insert([SAMPLE], [])
    read = (
        "import sys; from pathlib import Path; from controller.store.archive import Archive;"
        "record = Archive(Path(sys.argv[1])).load(); print(record.result.run, len(record.samples))"
    )
    with database._begin() as connection:  # a transaction of the writer is open all the while
        connection.execute(tables.samples.insert(), [msgspec.structs.asdict(SAMPLE)])
        done = subprocess.run([sys.executable, "-c", read, str(tmp_path)], capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == [ROW.run, "1"], done.stderr


def test_a_database_that_fails_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "netreserve.sqlite").write_text("this is not a database, whatever its name says" * 100)
    with pytest.raises(HarnessError, match=r"the database .* fails: file is not a database"):
        Database.of(tmp_path).create()


def test_a_url_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(LackingError, match="is not a usable database URL"):
        Database.of(tmp_path, "nosuch://x")


def test_run_ids_sort_by_time_and_differ() -> None:
    first, second = new_run_id(1_700_000_000_000_000_000), new_run_id(1_700_000_001_000_000_000)
    assert first.startswith("20231114T221320Z-")
    assert first < second


def test_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, "classic", ROW.run).close()
    with pytest.raises(HarnessError, match="File exists"):
        RunFolder.create(tmp_path, "classic", ROW.run)


def test_latest_points_at_the_newest_folder_relatively(tmp_path: Path) -> None:
    for run in ("a", "b"):
        RunFolder.create(tmp_path, "classic", run).close()
    assert str((tmp_path / "latest").readlink()) == "classic/b"
    assert str((tmp_path / "classic" / "latest").readlink()) == "b"


def test_what_is_appended_is_in_the_files_at_once(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "classic", ROW.run)
    folder.append([SAMPLE], [EVENT])
    with (folder.path / "samples.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["t_ns"], row["node"]) == (str(SAMPLE.t_ns), "initiator-1")
    assert list(row) == list(Sample.__struct_fields__)
    assert json.loads((folder.path / "events.jsonl").read_text())["detail"]["cycle"] == [msgspec.to_builtins(EDGE)]
    folder.close()


def test_a_result_is_readable_json(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "classic", ROW.run)
    path = folder.write_result(RESULT)
    assert msgspec.json.decode(path.read_bytes(), type=Result) == RESULT
    assert not list(folder.path.glob("*.part"))
    folder.close()


def _with_runs(database: Database, *runs: tuple[str, str]) -> None:
    for number, (run, scenario) in enumerate(runs):
        database.open_run(msgspec.structs.replace(ROW, run=run, scenario=scenario, started_ns=ROW.started_ns + number))


def test_runs_are_found_by_many_names(tmp_path: Path, database: Database) -> None:
    _with_runs(database, ("20260101T000000Z-aaaaaa", "classic"), ("20260102T000000Z-bbbbbb", "calm"))
    archive = Archive(tmp_path)
    assert archive.find("latest").scenario == "calm"
    assert archive.find("classic").run.endswith("aaaaaa")
    assert archive.find("20260101").run.endswith("aaaaaa")
    assert archive.find("bbb").scenario == "calm"


def test_names_that_mean_no_run_or_two_are_told(tmp_path: Path, database: Database) -> None:
    _with_runs(database, ("20260101T000000Z-aaaaaa", "classic"), ("20260102T000000Z-bbbbbb", "calm"))
    archive = Archive(tmp_path)
    with pytest.raises(UsageError, match="did you mean 'classic'"):
        archive.find("clasic")
    with pytest.raises(UsageError, match="the beginning of 2 runs"):
        archive.find("2026")


def test_no_runs_are_told(tmp_path: Path, database: Database) -> None:
    with pytest.raises(LackingError, match="no runs are recorded"):
        Archive(tmp_path / "elsewhere")
    with pytest.raises(LackingError, match="no runs are recorded"):
        Archive(tmp_path).find()
