"""`netreserve torture`: what it prints, writes and exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from clirunner import netreserve
from smallworlds import small

from controller.cli import torture
from controller.experiment.scenario import load
from controller.studies.torture.study import Examined, Tortured

FOUND = Examined(seed=9, number=4, promise="data intact", told="corrupt (2 pages)")
DONE = Tortured(seed=9, experiments=12, verdicts={"healthy": 11, "broken": 1}, broken=(FOUND,))


def test_one_experiment_is_shown_again() -> None:
    done = netreserve("torture", "--seed", "1", "--only", "2", "--json")
    said = json.loads(done.out)
    assert done.code == 0, said
    assert (said["tortured"]["experiments"], said["files"]) == (1, [])


def test_what_broke_is_told_with_its_command_and_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torture, "torture_study", lambda *_: DONE)
    monkeypatch.setattr(torture, "shrunk", lambda found: small())
    with pytest.raises(typer.Exit) as done:
        torture.torture(minutes=0, seed=9)
    assert done.value.exit_code == 1
    out = capsys.readouterr().out
    assert "12 experiments of seed 9: 1 broken, 11 healthy" in out
    assert "again: netreserve torture --seed 9 --only 4" in out
    text = (tmp_path / "torture-9-4.yaml").read_text()
    assert text.startswith("# breaks 'data intact': corrupt (2 pages)\n# netreserve torture --seed 9 --only 4\n")
    assert load(tmp_path / "torture-9-4.yaml").name == "small"


def test_another_tier_is_refused() -> None:
    done = netreserve("torture", "--tier", "kernel")
    assert (done.code, "--tier kernel: random experiments are simulated" in done.err) == (2, True)
