"""size, compare, shrink and replay as a person uses them; what they simulate here are little machines."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from clirunner import ROOT
from tinyscenario import QUARTER, record, tiny

from controller.cli.main import carry_out
from controller.experiment.record import Result, RunRow
from controller.experiment.scenario import Scenario, load
from controller.experiment.scenario.vary import vary
from controller.simulated.simulate import Outcome, simulate
from controller.store.database import Database
from controller.store.recorded import read_run
from controller.studies.trials import Trial
from controller.studies.workers import Workers

PAGE = (ROOT / "docs" / "reference" / "cli.md").read_text()
EXAMPLES = re.findall(r"^netreserve (?:size|compare|shrink|replay) .*$", PAGE, re.MULTILINE)
CYCLE = (("kswapd", "writes answered"), ("storage reply", "receive buffers"))
PEAKS = {"in_flight": 3, "writeback_pages": 3, "ring_free_slots": 256, "junk_held_bytes": 0, "reserve_used_pages": 1}


def hangs_below_300_pages(scenario: Scenario) -> Trial:
    """And under `none` always, as long as junk comes."""
    lives = scenario.policy.name != "none" and scenario.nodes.initiator.min_free_pages >= 300
    lives = lives or not scenario.floods
    return Trial(
        seed=scenario.seed, verdict="healthy" if lives else "deadlocked", cycle=() if lives else CYCLE, peaks=PEAKS
    )


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the gallery and two recorded runs, and little machines."""
    runs = tmp_path / "runs"
    runs.mkdir()
    database = Database.of(runs)
    database.create()
    for number, policy in enumerate(("memalloc", "none")):
        scenario = tiny(policy)
        run = f"20261122T20171{number}Z-00000{number}"
        folder = record(runs, scenario, _outcome(policy), run)
        result: Result = read_run(folder).result
        row = RunRow(
            run=run, scenario="classic", kind="scenario", folder=f"classic/{run}", tier="sim", policy=policy,
            started_ns=number + 1,
        )  # fmt: skip
        database.open_run(row)
        database.close_run(result)
    database.close()
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETRESERVE_RUNS", str(runs))
    monkeypatch.setenv("NETRESERVE_SWEEPS", str(tmp_path / "sweeps"))
    for verb in ("size", "shrink"):
        monkeypatch.setattr(f"controller.cli.{verb}.try_out", hangs_below_300_pages)
    for verb in ("size", "compare"):
        monkeypatch.setattr(f"controller.cli.{verb}.Workers", lambda jobs: Workers(1))
    little = lambda scenario: simulate(vary(scenario, QUARTER | {"phases.flood": "1 s"}))  # noqa: E731
    monkeypatch.setattr("controller.studies.comparison.subjects.simulate", little)
    return tmp_path


_OUTCOMES: dict[str, Outcome] = {}


def _outcome(policy: str) -> Outcome:
    if policy not in _OUTCOMES:
        _OUTCOMES[policy] = simulate(tiny(policy))
    return _OUTCOMES[policy]


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_works(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(shlex.split(line)[1:]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out


def test_size_tells_the_interval_the_sum_and_the_test(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["size", "scenarios/classic.yaml"]) == 0
    said = capsys.readouterr()
    assert re.search(r"smallest min_free that will do is 30\d pages", said.out)
    assert re.search(r"the largest that fails is 29\d pages", said.out)
    assert "receive ring" in said.out and "min by the sum: 1131 pages; by simulation: 119" in said.out
    assert "Wald's sequential test" in said.out and "runs so far" in said.err


def test_size_says_why_no_reserve_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["size", "scenarios/classic.yaml", "--policy", "none", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    (policy,) = found["policies"]
    assert policy["min_free_pages"] is None and "no reserve helps" in policy["warning"]
    assert "strangers alone may hold" in policy["warning"]
    assert policy["levels"] and {level["decided"] for level in policy["levels"]} == {"fails"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["size", "scenarios/classic.yaml", "--confidence", "1"], "0.5 to 0.999 are possible"),
        (["size", "scenarios/classic.yaml", "--policy", "memaloc"], "memalloc"),
        (["compare", "memalloc", "--scenario", "scenarios/classic.yaml", "--seeds", "1"], "needs two at least"),
        (["compare", "000000", "nothing"], "no run is called 'nothing'"),
        (["shrink", "nothing.yaml"], "no such scenario file"),
        (["shrink", "classic", "--out", "scenarios/classic.yaml"], "nothing is overwritten"),
        (["replay", "nothing"], "no run is called 'nothing'"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out(words) == 2
    said = capsys.readouterr()
    assert message in said.err and len(said.err.splitlines()) == 1 and not said.out


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["size", "scenarios/classic.yaml"], "controller.cli.size.try_out"),
        (["shrink", "scenarios/classic.yaml", "--policy", "none"], "controller.cli.shrink.try_out"),
        (
            ["compare", "none", "memalloc", "--scenario", "scenarios/classic.yaml"],
            "controller.studies.comparison.subjects.simulate",
        ),
    ],
)
def test_what_was_simulated_once_is_not_again(
    words: list[str], place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out(words) == 0

    def never(scenario: Scenario) -> None:
        raise AssertionError("it is kept")

    monkeypatch.setattr(place, never)
    assert carry_out(words) == 0, capsys.readouterr().err
    assert carry_out([*words, "--fresh"]) == 6


def test_compare_writes_its_page_and_picture_in_a_folder_of_its_own(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out(["compare", "000000", "000001", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert Path(found["page"]).parent.parent == lab / "runs" / "comparisons"
    assert "<html" in Path(found["page"]).read_text() and Path(found["picture"]).read_bytes().startswith(b"\x89PNG")
    assert [runs["runs"][0]["verdict"] for runs in found["subjects"]] == ["healthy", "deadlocked"]


def test_shrink_writes_new_files_that_end_as_the_first(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("classic-shrunk.yaml", "classic-shrunk-2.yaml"):
        assert carry_out(["shrink", "scenarios/classic.yaml", "--policy", "none"]) == 0
        assert f"written: {name}" in capsys.readouterr().out
        written = load(lab / name)
        assert hangs_below_300_pages(written).verdict == "deadlocked" and written.policy.name == "none"
        assert str(written.expect[0]) == "verdict: deadlocked" and len(written.floods) == 1


def test_a_run_that_the_simulator_does_not_confirm_is_not_shrunk(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["shrink", "000000"]) == 2
    assert "was healthy, and the simulator says deadlocked" in capsys.readouterr().err


def test_replay_says_identical_or_what_differs_first(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["replay", "000001"]) == 0
    assert "identical: " in capsys.readouterr().out
    samples = next(lab.glob("runs/classic/*000001/samples.csv"))
    lines = samples.read_text().splitlines()
    samples.write_text("\n".join(lines[:-1]) + "\n")
    assert carry_out(["replay", "000001", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["difference"].endswith("only the replay has it")
