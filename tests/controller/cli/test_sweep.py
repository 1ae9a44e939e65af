"""`netreserve sweep` as a person uses it: run, look, kill, go on, interrupt; and what it says when it is asked wrongly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from clirunner import COMMAND, ROOT, environment
from msgspec import structs
from sweptgrids import TINY, by_reserve

from controller.cli import sweep, sweepviews
from controller.cli.main import carry_out
from controller.cli.sweepviews import BarView, LineView
from controller.studies.sweep import work
from controller.studies.sweep.model import Swept

CLASSIC = str(ROOT / "scenarios" / "classic.yaml")
AXES = (
    "--vary",
    "policy=none,memalloc",
    "--vary",
    "nodes.initiator.min_free=1M..4M:log3",
    "--vary",
    "floods.0.rate=1k,9k",
)


@pytest.fixture
def sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NETRESERVE_SWEEPS", str(tmp_path))
    return tmp_path


@pytest.fixture
def quick(sweeps: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the simulator, in this process."""
    monkeypatch.setattr(work, "carry_out", partial(work.carry_out, simulator=by_reserve))
    return sweeps


def folder_in(sweeps: Path) -> Path:
    return next(sweeps.glob("*/*/sweep.json")).parent


# ---- run and show


def test_a_sweep_from_the_command_to_the_pictures(quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sweep", CLASSIC, *AXES, "--seeds", "3", "--jobs", "1", "--diff", "none,memalloc"]
    assert carry_out(words) == 0
    said = capsys.readouterr()
    folder = folder_in(quick)
    assert "36 of 36 points: 28 healthy, 8 deadlocked" in said.out and "36 of 36 points" in said.err
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "sweep.json", "rows.jsonl", "table.csv", "table.parquet", "phase.html", "phase.png", "diff-none-memalloc.png",
        "diff-none-memalloc.csv",
    }  # fmt: skip
    rows_made = (folder / "rows.jsonl").read_bytes()
    assert carry_out(["sweep", "run", *words[1:]]) == 0, "nothing is left to do, and sweep is short for sweep run"
    assert (folder / "rows.jsonl").read_bytes() == rows_made
    assert carry_out([*words, "--fresh"]) == 0
    assert len([*quick.glob("classic/*")]) == 2 and (folder / "rows.jsonl").read_bytes() == rows_made


def test_a_sweep_none_of_whose_points_can_be_run_is_bad_usage(sweeps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sweep", CLASSIC, "--jobs", "1", "--vary", "policy=none"]
    assert carry_out([*words, "--vary", "nodes.initiator.min_free=60M,62M"]) == 2
    said = capsys.readouterr()
    assert "2 of 2 points: 2 invalid" in said.out, "what there is is told first"
    assert "netreserve: not one point can be run: " in said.err and "memory" in said.err


def test_a_long_sweep_in_plain_python_says_once_how_to_compile(
    quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", CLASSIC, *AXES, "--jobs", "1", "--fresh"]
    for folder, points, told in ((None, 12, 1), (None, 13, 0), (quick, 12, 0)):
        monkeypatch.setattr(sweep, "in_use", lambda folder=folder: folder)
        monkeypatch.setattr(sweep, "WORTH_COMPILING", points)
        assert carry_out(words) == 0
        assert capsys.readouterr().err.count("nodes.compiled build") == told


def test_json_tells_where_and_how_far(quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["sweep", CLASSIC, *AXES, "--jobs", "1", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines] == ["started", "progress", "result"]
    assert lines[0]["points"] == lines[1]["computed"] == lines[2]["computed"] == 12
    assert lines[2]["folder"] == str(folder_in(quick)) and lines[2]["panels"][0]["title"] == "none"
    assert all(Path(path).is_file() for path in lines[2]["files"])


def test_a_part_can_be_shown(quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["sweep", CLASSIC, *AXES, "--jobs", "1"]) == 0
    folder = folder_in(quick)
    lines = (folder / "rows.jsonl").read_text().splitlines(keepends=True)
    (folder / "rows.jsonl").write_text("".join(lines[:5]))
    for name in ("classic", "latest", str(folder)):
        assert carry_out(["sweep", "show", name]) == 0
        assert "5 of 12 points: " in capsys.readouterr().out
    assert "Not finished" in (folder / "phase.html").read_text()
    assert len((folder / "table.csv").read_text().splitlines()) == 6


def test_values_that_round_to_the_same_are_told_of(quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["sweep", CLASSIC, "--vary", "nodes.initiator.cpus=1..3:8", "--jobs", "1"]) == 0
    assert "8 values were asked for, 3 remain" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((CLASSIC, "--vary", "nodes.initiator.minfree=1M"), 2, "did you mean 'min_free'"),
        ((CLASSIC, "--vary", "policy=none,memaloc"), 2, "did you mean 'memalloc'"),
        ((CLASSIC, "--vary", "policy"), 2, "KEY=VALUES is needed"),
        ((CLASSIC,), 2, "--vary"),
        ((CLASSIC, "--vary", "policy=none,memalloc", "--diff", "none,local"), 2, "two values of one axis"),
        ((CLASSIC, "--vary", "policy=none", "--dask", "here"), 2, "the address of a scheduler"),
        (("nowhere.yaml", "--vary", "policy=none"), 2, "no such file"),
        (("show", "nothing"), 2, "'nothing' is not a sweep"),
    ],
)
def test_what_is_asked_wrongly_is_told(
    words: tuple[str, ...], code: int, told: str, quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out(["sweep", *words]) == code
    assert told in capsys.readouterr().err


def test_a_failure_of_netreserve_costs_its_point_alone(
    sweeps: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(scenarios: list[object]) -> Iterator[object]:
        raise ZeroDivisionError("division by zero")
        yield

    monkeypatch.setattr("controller.studies.sweep.work.simulate_many", failing)
    assert carry_out(["sweep", CLASSIC, "--vary", "policy=none,memalloc", "--jobs", "1"]) == 6
    said = capsys.readouterr().err
    assert "failed at policy=none, seed=7 and at 1 more: unexpected ZeroDivisionError" in said
    assert (folder_in(sweeps) / "rows.jsonl").read_bytes() == b"", "so that the next try computes it again"


# ---- killed and interrupted

POINTS = ("--vary", "policy=none,memalloc", "--vary", "floods.0.rate=100..3k:log8", "--jobs", "2", "--json")


def hears_ctrl_c() -> None:
    """As what is typed in a terminal does: a shell's background jobs ignore it, and what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def begun(scenario: Path, sweeps: Path, points: Sequence[str] = POINTS) -> subprocess.Popen[str]:
    """A sweep in processes of its own, of which the first chunk is there."""
    command = [*COMMAND, "sweep", str(scenario), *points]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(NETRESERVE_SWEEPS=str(sweeps)), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=hears_ctrl_c,
    )  # fmt: skip
    assert process.stdout is not None
    assert any('"progress"' in line for line in process.stdout)
    return process


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def test_a_killed_sweep_goes_on_and_ends_with_the_same_table(
    tiny: Path, sweeps: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = begun(tiny, sweeps)
    process.kill()
    process.communicate()
    kept = (folder_in(sweeps) / "rows.jsonl").read_bytes()
    before = kept.count(b"\n")
    assert 0 < before < 16
    assert carry_out(["sweep", str(tiny), *POINTS]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["computed"] == before
    lines = (folder_in(sweeps) / "rows.jsonl").read_bytes().splitlines()
    assert (folder_in(sweeps) / "rows.jsonl").read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    assert sorted(json.loads(line)["point"] for line in lines) == [*range(16)], "each once"
    assert carry_out(["sweep", str(tiny), *POINTS, "--out", str(sweeps / "whole")]) == 0
    assert (folder_in(sweeps / "whole") / "table.csv").read_bytes() == (folder_in(sweeps) / "table.csv").read_bytes()


def test_ctrl_c_keeps_what_there_is_and_says_how_to_go_on(tiny: Path, sweeps: Path) -> None:
    many = [word.replace("log8", "log64") for word in POINTS]  # so that it is not done before it hears
    process = begun(tiny, sweeps, many)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    kept = (folder_in(sweeps) / "rows.jsonl").read_bytes().count(b"\n")
    assert f"interrupted: {kept} of 128 points are kept in {folder_in(sweeps)}" in said
    assert "goes on from there" in said and "Traceback" not in said


def test_ctrl_c_that_comes_when_all_is_computed_is_too_late(
    quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    computed = LineView.computed

    def interrupted(self: LineView, rows: Sequence[Swept]) -> None:
        computed(self, rows)
        if self._done == 12:
            raise KeyboardInterrupt

    monkeypatch.setattr(LineView, "computed", interrupted)
    assert carry_out(["sweep", CLASSIC, *AXES, "--jobs", "1"]) == 0
    assert "12 of 12 points" in capsys.readouterr().out and (folder_in(quick) / "phase.html").is_file()


# ---- progress


def test_lines_come_in_their_time_with_the_time_left() -> None:
    told: list[tuple[str, dict[str, object]]] = []
    now_s = iter([0.0, 1.0, 6.0, 7.0, 20.0])
    view = LineView(100, 20, "f", lambda kind, what: told.append((kind, what)), 5.0, lambda: next(now_s))
    row = Swept(point=0, verdict="healthy", reason="")
    with view:
        for count in (5, 25, 10, 40):
            view.computed([structs.replace(row)] * count)
    assert [kind for kind, _ in told] == ["started", "progress", "progress"]
    assert told[1][1] == {"points": 100, "computed": 50, "left_s": 10.0}
    assert told[2][1] == {"points": 100, "computed": 100, "left_s": 0.0}


def test_a_bar_counts_verdicts_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    view = sweepviews.view_for(10, 4, Path("f"), json=False)
    assert isinstance(view, BarView)
    with view:
        view.computed([Swept(point=0, verdict="deadlocked", reason="")] * 2)
        task = view._bar.tasks[0]
        assert (task.completed, task.total, task.description) == (6, 10, "2 deadlocked")
