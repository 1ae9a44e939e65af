"""runs ls, runs show and report on runs that the store and the folder writer wrote."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from clirunner import netreserve
from scriptedcontroller import RUN, deadlocked

from controller.api import Command, Show, State, Unfinished
from controller.cli.main import carry_out
from controller.experiment.record import Result
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


def test_report_in_short_for_other_programs(runs: Path, capsys: Capture) -> None:
    assert carry_out(["report", "3fa9", "--format", "ktap"]) == 0
    assert capsys.readouterr().out.startswith("KTAP version 1\n")
    assert carry_out(["report", "3fa9", "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("### ✕ tiny: deadlocked\n")
    assert carry_out(["report", "3fa9", "--format", "tap"]) == 2
    assert "ktap" in capsys.readouterr().err


def test_report_opens_the_page(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda uri: opened.append(uri) or True)
    assert carry_out(["report", "3fa9", "--open"]) == 0
    assert opened == [f"file://{runs}/tiny/{RUN}/report.html"]


def test_without_a_browser_the_page_is_named_and_that_one_is_lacking(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda uri: False)
    assert carry_out(["report", "3fa9", "--open"]) == 3
    page = f"{runs}/tiny/{RUN}/report.html"
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == f"report: {page}"
    assert said.err == (
        f"netreserve: no browser can be started here: open {page} in one, or copy it to where there is one\n"
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tiny.yaml", "did you mean 'tiny'?"),
        ("3fb9c1", "did you mean '3fa9c1'?"),
        ("20261122T201715Z-3fa9c2", f"did you mean '{RUN}'?"),
        ("nothing", "there are runs of tiny; `netreserve runs ls` lists them"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(runs: Path, name: str, told: str, capsys: Capture) -> None:
    assert carry_out(["report", name]) == 2
    assert capsys.readouterr().err == f"netreserve: no run is called '{name}' ({told})\n"


def test_the_path_of_a_run_folder_is_its_name(runs: Path, capsys: Capture) -> None:
    assert carry_out(["report", f"{runs}/tiny/{RUN}/", "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["run"] == RUN


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
    assert "'nonsense' is not a usable database URL" in capsys.readouterr().err


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


class Talk:
    """The controller's answers to Show, one after the other; the last one again and again."""

    def __init__(self, *states: State) -> None:
        self._states = list(states)
        self.asked = 0

    async def __aenter__(self) -> Talk:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    async def ask(self, command: Command) -> State:
        assert isinstance(command, Show)
        self.asked += 1
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]


def going(run: str, doing: str = "it waits for the flood to end", left_s: float = 19.2) -> State:
    return State(nodes=(), run=run, unfinished=(Unfinished(run=run, doing=doing, left_ns=round(left_s * 1e9)),))


def test_a_run_without_a_result_says_when_it_will_be_there(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("controller.cli.unfinished.ask", lambda command: going(OTHER))
    assert carry_out(["report"]) == 5
    assert capsys.readouterr().err == (
        f"netreserve: run {OTHER} has no result yet: it waits for the flood to end: its result is there in 20 s at the"
        f" soonest; `netreserve report {OTHER} --wait` waits for it\n"
    )
    (runs / "tiny" / RUN / "report.html").unlink()
    monkeypatch.setattr("controller.cli.unfinished.ask", lambda command: going(RUN, "it is being judged and written"))
    assert carry_out(["report", "3fa9"]) == 5
    assert f"the report of run {RUN} is not there yet: it is being judged" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["latest", OTHER])
def test_report_waits(name: str, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    class Ending(Talk):
        """When it is asked for the third time, the run has ended."""

        async def ask(self, command: Command) -> State:
            if self.asked == 2:
                end_run(runs)
            return await super().ask(command)

    talk = Ending(going(OTHER), going(OTHER, "it is being judged and written", 4.0), State(nodes=()))
    monkeypatch.setattr("controller.cli.unfinished.client", lambda: talk)
    monkeypatch.setattr("controller.cli.unfinished.LOOK_S", 0.0)
    assert carry_out(["report", name, "--wait"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == f"report: {runs}/tiny/{OTHER}/report.html"
    assert [line.split(": ")[1] for line in said.err.splitlines()] == [
        "it waits for the flood to end",
        "it is being judged and written",
    ]


def test_a_flood_that_was_just_started_is_waited_for_until_it_is_noticed(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_run(runs)
    begun = State(nodes=(), flood="running (2 users, 0 rps)")
    talk = Talk(begun, begun, going("20261122T221715Z-88bb11"), State(nodes=(), flood="stopped"))
    monkeypatch.setattr("controller.cli.unfinished.client", lambda: talk)
    monkeypatch.setattr("controller.cli.unfinished.LOOK_S", 0.0)
    assert carry_out(["report", "--wait"]) == 0
    assert talk.asked == 4


def end_run(runs: Path) -> None:
    """The one that went on gets its result and its report."""
    database = Database.of(runs)
    row = next(row for row in database.runs() if row.run == OTHER)
    result = msgspec.structs.replace(deadlocked(), run=OTHER, started_ns=row.started_ns, ended_ns=row.started_ns + 1)
    folder = RunFolder(runs, row.folder)
    folder.write_result(result)
    folder.write("report.html", "<!doctype html>")
    database.close_run(result)
    database.close()


def test_a_simulated_run_without_a_report_leads_to_one(runs: Path, capsys: Capture) -> None:
    folder = runs / "tiny" / RUN
    result = msgspec.structs.replace(deadlocked(), tier="sim")
    (folder / "result.json").write_bytes(msgspec.json.encode(result))
    (folder / "report.html").unlink()
    assert carry_out(["report", "3fa9"]) == 6
    assert f"`netreserve run {folder}/scenario.yaml` draws the same run anew" in capsys.readouterr().err
