"""runs ls, runs show and report on runs that the store and the folder writer wrote."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from clirunner import netreserve
from scriptedcontroller import RUN, deadlocked

from controller.cli.main import carry_out
from controller.record import Result
from controller.store.database import INDEX, Database, RunRow
from controller.store.folder import RunFolder

Capture = pytest.CaptureFixture[str]
OTHER = "20261122T211715Z-77aa00"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run `tiny` with a report, and a newer one that still goes on."""
    monkeypatch.setenv("NETRESERVE_RUNS", str(tmp_path))
    database = Database.of(tmp_path)
    database.create()
    for run, started_ns in ((RUN, 1_795_378_635_000_000_000), (OTHER, 1_795_382_235_000_000_000)):
        row = RunRow(
            run=run, scenario="tiny", kind="scenario", folder=f"tiny/{run}", tier="container", policy="none",
            started_ns=started_ns,
        )  # fmt: skip
        database.open_run(row)
        folder = RunFolder.create(tmp_path, "tiny", run)
        if run == RUN:
            result = msgspec.structs.replace(deadlocked(), started_ns=started_ns, ended_ns=started_ns + 40_000_000_000)
            folder.write_result(result)
            folder.write("report.html", "<!doctype html>")
            database.close_run(result)
        folder.close()
    database.close()
    return tmp_path


def test_ls_lists_the_newest_first(runs: Path, capsys: Capture) -> None:
    assert carry_out(["runs", "ls"]) == 0
    newer, older = capsys.readouterr().out.splitlines()[1:]
    assert newer.split()[0] == OTHER and newer.rstrip().endswith("still running")
    assert older.split() == [RUN, "tiny", "none", "container", "2026-11-22", "20:17:15", "40", "s", "deadlocked"]


def test_ls_json_is_an_object_a_line(runs: Path) -> None:
    said = netreserve("runs", "ls", "--json", NETRESERVE_RUNS=str(runs))
    assert [line["run"] for line in said.lines()] == [OTHER, RUN]


def test_show_prints_the_summary(runs: Path, capsys: Capture) -> None:
    assert carry_out(["runs", "show", RUN[:15] + "Z-3f"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("DEADLOCKED  tiny under none")
    assert "kswapd waits for replies to writes (needs 1, has 0), which only storage reply provides" in out
    assert carry_out(["runs", "show", "3fa9", "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=Result).run == RUN


def test_report_tells_where_the_page_is(runs: Path, capsys: Capture) -> None:
    assert carry_out(["report", "3fa9"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"report: {runs}/tiny/{RUN}/report.html"
    assert carry_out(["report", "3fa9", "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["report"] == f"{runs}/tiny/{RUN}/report.html"


def test_report_opens_the_page(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda uri: opened.append(uri) or True)
    assert carry_out(["report", "3fa9", "--open"]) == 0
    assert opened == [f"file://{runs}/tiny/{RUN}/report.html"]


def test_the_database_that_the_controller_is_told_of_is_read(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / INDEX).rename(tmp_path / "archive.sqlite")
    assert carry_out(["runs", "ls"]) == 3
    monkeypatch.setenv("NETRESERVE_DATABASE", f"sqlite:///{tmp_path}/archive.sqlite")
    capsys.readouterr()
    assert carry_out(["runs", "ls", "--json"]) == 0
    assert [msgspec.json.decode(line)["run"] for line in capsys.readouterr().out.splitlines()] == [OTHER, RUN]
    assert carry_out(["report", "3fa9", "--json"]) == 0
    monkeypatch.setenv("NETRESERVE_DATABASE", "nonsense")
    assert carry_out(["runs", "ls"]) == 3
    assert "'nonsense' is no usable database URL" in capsys.readouterr().err


def test_what_is_not_there(runs: Path, tmp_path: Path, capsys: Capture) -> None:
    assert carry_out(["report", "tinny"]) == 2
    assert capsys.readouterr().err == "netreserve: no run is called 'tinny' (did you mean 'tiny'?)\n"
    assert carry_out(["runs", "show", "latest"]) == 5
    assert f"run {OTHER} has no result yet" in capsys.readouterr().err
    (runs / "tiny" / RUN / "report.html").unlink()
    assert carry_out(["report", "3fa9"]) == 6
    assert "report.html" in capsys.readouterr().err
    (runs / "tiny" / RUN / "result.json").write_text("{")
    assert carry_out(["runs", "show", "3fa9"]) == 6
    assert "cannot be read" in capsys.readouterr().err
    assert carry_out(["runs", "ls", "--runs", str(tmp_path / "elsewhere")]) == 3
    assert "no runs are recorded in" in capsys.readouterr().err
