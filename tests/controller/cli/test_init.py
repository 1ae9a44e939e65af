"""Goal: what `init` writes validates and runs as it is, also with `run --set`, and nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli.main import carry_out
from controller.experiment.scenario import load


def test_what_it_writes_runs_and_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, runs = tmp_path / "mine.yaml", tmp_path / "runs"
    assert carry_out(["init", str(file)]) == 0
    assert carry_out(["validate", str(file)]) == 0
    written = file.read_text()
    assert carry_out(["init", str(file)]) == 2
    assert "is there already" in capsys.readouterr().err and file.read_text() == written
    assert carry_out(["run", str(file), "--runs", str(runs), "--set", "floods.0.rate=19k"]) == 0
    (recorded,) = runs.glob("first/*Z-*/scenario.yaml")
    assert load(recorded) == load(file, changes={"floods.0.rate": "19 kpps"})


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["init", str(tmp_path / "absent" / "mine.yaml")]) == 3
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


WRONG = {
    "no value": (["--set", "name="], "'name=' sets nothing: KEY=VALUE is needed"),
    "twice": (["--set", "seed=1", "--set", "seed=2"], "seed is set twice, to '1' and to '2'"),
    "beside its option": (
        ["--set", "policy=none", "--policy", "none"],
        "--policy and --set policy: one of them is enough",
    ),
    "unknown": (["--set", "floods.0.rtae=1k"], "'floods.0' has no key 'rtae' (did you mean 'rate'?)"),
    "not possible": (["--set", "floods.0.rate=9M"], "floods[0].rate: rate is 9000000"),
    "reserved": (["--set", "name=latest"], "'latest' cannot name a scenario"),
    "seed": (["--seed", "99999999999"], "less than or equal to 4294967295"),
    "huge seed": (["--set", f"seed={'9' * 400}"], "is not possible: 0 to 4294967295 are"),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=list(WRONG))
def test_what_cannot_be_set(words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["run", "scenarios/classic.yaml", "--runs", str(tmp_path / "runs"), *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
