"""A controller that is killed in mid-run, and the next one."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from brokers import Broker, until
from leftruns import RECORD, ROW, left_open
from testbeds import SCENARIO, process, serving, whole_bed
from traces import NODE, at

from controller.experiment.record import Result
from controller.service import recovery
from controller.service.recovery import RESTARTED, recover
from controller.store import tables
from controller.store.database import Database
from controller.store.recorded import _events
from nodes.messages import Sample


async def test_a_killed_controllers_run_is_marked_and_keeps_its_samples(broker: Broker, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    async with whole_bed(broker, runs, daemon=False) as bed, process(bed.config) as daemon:
        await bed.settled()
        started = await bed.start(SCENARIO.replace("warmup: 1500 ms", "warmup: 60 s"))
        database = Database.of(runs)
        # a second process reads while the daemon writes
        await until(lambda: len(database.samples(started.run)) > 40, 30)
        daemon.send_signal(signal.SIGKILL)
        await daemon.wait()
        kept = len(database.samples(started.run))

        async with serving(bed.config):
            result = await until(lambda: database.result(started.run), 30)
            assert (runs / started.folder / "report.html").is_file()
            assert (result.verdict, result.exit_code) == ("inconclusive", 6)
            assert "controller restarted" in result.sentence
            assert [phase.name for phase in result.phases] == ["warmup"]
            kept_after = len(database.samples(started.run))
            assert kept <= kept_after <= kept + 20  # what was flushed together, half a second at most
            events = list(_events(runs / started.folder / "events.jsonl"))
            rows = (runs / started.folder / "samples.csv").read_text().splitlines()
            assert len(rows) - 1 == kept_after, "the folder and the database say the same"
            assert events == database.events(started.run)
            assert events[-1].detail.brief == RESTARTED

            await bed.settled()  # the daemon goes on: nodes get their default settings
            again = await bed.start()
            assert (await bed.result(again.run)).verdict == "healthy"


POISONS = (
    ("phase", {}),
    ("phase", {"phase": 7}),
    ("fault", {"fault": "cut", "action": "begin", "concerns": 5}),
    ("fault", {"fault": [], "action": {}}),
    ("io_error", {"write": False, "errno": "abc"}),
    ("stall", {"cycle": 7}),
    ("stall", {"cycle": [{"waiter": 1}]}),
    ("harness", {"void": ["x"], "exit_code": "y"}),
    ("oom", {"kind": []}),
    ("rescue", {"remedy": 1}),
    ("autopsy", {"found": 3, "cycle": "x"}),
    ("console", {"lines": 5}),
    ("", {}),
)
"""What no version of a node says, but a file or a database may hold."""


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    async def no_report(*_: object) -> None:
        pass

    monkeypatch.setattr(recovery, "write_report", no_report)
    database = Database.of(tmp_path)
    database.create()
    return database


async def test_every_prefix_of_a_record_is_recovered(database: Database, tmp_path: Path) -> None:
    for length in range(len(RECORD) + 1):
        run = f"20261122T201715Z-{length:06}"
        row = msgspec.structs.replace(ROW, run=run, folder=f"{ROW.scenario}/{run}")
        record = [msgspec.structs.replace(message, run=run) for message in RECORD[:length]]
        left_open(database, record, row, torn=b'{"t_ns":17' if length % 2 else b"")
        [result] = await recover(database, tmp_path)
        assert (result.run, result.verdict) == (run, "inconclusive"), length
        assert RESTARTED in result.notes, result.sentence
        events = list(_events(tmp_path / row.folder / "events.jsonl"))
        assert events == database.events(run)
        assert [event.detail.brief for event in events if event.kind == "harness"][-1] == RESTARTED
        assert len(database.samples(run)) == sum(isinstance(message, Sample) for message in record)
        assert database.unfinished() == []


@pytest.mark.parametrize(("kind", "detail"), POISONS)
@pytest.mark.parametrize("place", ["database", "folder"])
async def test_a_poisoned_record_is_recovered(
    database: Database, tmp_path: Path, kind: str, detail: dict[str, Any], place: str
) -> None:
    line = {"t_ns": at(1), "node": NODE, "run": ROW.run, "kind": kind, "detail": detail}
    torn = json.dumps(line).encode() + b"\n" if place == "folder" else b""
    folder = left_open(database, RECORD[:50], torn=torn)
    if place == "database":
        with database._begin() as connection:
            connection.execute(tables.events.insert(), [{**line, "detail": json.dumps(detail)}])
    [result] = await recover(database, tmp_path)
    assert (result.verdict, RESTARTED in result.sentence or RESTARTED in result.notes) == ("inconclusive", True)
    assert database.unfinished() == []
    if place == "folder":
        assert torn in (folder.path / "events.jsonl.unreadable").read_bytes(), "kept"


async def test_a_run_that_is_of_no_use_keeps_nobody_from_starting(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [msgspec.structs.replace(ROW, run=f"run-{number}", folder=f"classic/run-{number}") for number in range(6)]
    for row in rows:
        left_open(database, RECORD[:20], row)
    with database._begin() as connection:
        run = connection.exec_driver_sql
        run("UPDATE runs SET folder = '../../elsewhere' WHERE run = 'run-0'")
        run("UPDATE runs SET folder = '' WHERE run = 'run-1'")
        run("INSERT INTO events (t_ns, node, run, kind, detail) VALUES (1, 'n', 'run-2', 'x', 'no JSON')")
    samples = tmp_path / rows[3].folder / "samples.csv"
    samples.unlink()
    samples.mkdir()
    (tmp_path / rows[4].folder / "result.json").write_text("{")
    results = await recover(database, tmp_path)
    assert {result.run: result.exit_code for result in results} == {row.run: 6 for row in rows}
    used = [result.run for result in results if "its record cannot be used" not in result.sentence]
    assert sorted(used) == ["run-4", "run-5"]
    assert database.unfinished() == []
    assert not (tmp_path.parent.parent / "elsewhere").exists()
    assert not (tmp_path / "result.json").exists()
    assert capsys.readouterr().err.count("controller restarted") == 6


async def test_a_result_that_is_there_already_stands(database: Database, tmp_path: Path) -> None:
    folder = left_open(database, RECORD)
    judged = Result(run=ROW.run, scenario=ROW.scenario, verdict="healthy", exit_code=0, sentence="All was well.")
    folder.write_result(judged)
    assert await recover(database, tmp_path) == [judged]
    assert database.result(ROW.run) == judged
    assert folder.result() == judged
    assert database.events(ROW.run) == list(_events(folder.path / "events.jsonl"))
    assert not any(event.detail.brief == RESTARTED for event in database.events(ROW.run))


async def test_a_database_that_takes_no_result_keeps_nobody_from_starting(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left_open(database, RECORD)

    def refuse(result: Result) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(database, "close_run", refuse)
    await recover(database, tmp_path)
    assert f"run {ROW.run} stays open, the next start tries again: no space left" in capsys.readouterr().err
    assert [row.run for row in database.unfinished()] == [ROW.run]
