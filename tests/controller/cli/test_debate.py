"""The verb that runs the debate, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from smallscenario import SMALL

from controller.cli.main import carry_out

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("NETRESERVE_SWEEPS", str(tmp_path / "sweeps"))
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return str(file)


def test_the_table_has_a_verdict_for_every_policy(small: str, capsys: Capture) -> None:
    assert carry_out(["debate", small, "--policy", "none,ideal", "--jobs", "1"]) == 0
    header, row = capsys.readouterr().out.splitlines()[:2]
    assert header.split() == ["scenario", "none", "ideal"]
    assert row.split() == ["small", "deadlocked", "healthy"]
    assert carry_out(["debate", small, "--policy", "none", "--policy", "ideal", "--jobs", "1"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[:2] == [header, row], "repeated is as good as with commas"
    assert "Linux 3.6" not in told and "an oracle, the yardstick" in told, "of whom was asked: what it is made after"


def test_cells_are_printed_as_json_and_an_impossible_one_says_why(small: str, capsys: Capture) -> None:
    assert carry_out(["debate", small, "--policy", "nta", "--jobs", "1", "--json"]) == 0
    cell = json.loads(capsys.readouterr().out)
    assert cell["verdict"] == "impossible" and "a packet pool of 512 KiB does not hold" in cell["sentence"]
    assert "Evgeniy Polyakov, lkml 14 August 2006" in cell["follows"]


def test_moments_are_counted_told_and_computed_once(small: str, capsys: Capture) -> None:
    line = ["debate", small, "--policy", "none,ideal", "--jobs", "1", "--moments", "3"]
    assert carry_out(line) == 0
    first = capsys.readouterr()
    assert first.out.splitlines()[1].split() == ["small", "deadlocked", "3/3", "healthy", "3/3"]
    assert "6 of 6" not in first.err and "4 of 4 points" in first.err, "two first moments, then four more"
    assert carry_out([*line, "--json"]) == 0
    told = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [(cell["moments"], cell["lived"]) for cell in told] == [({"deadlocked": 3}, 0), ({"healthy": 3}, 3)]


def test_a_number_of_moments_that_cannot_be_is_bad_usage(small: str, capsys: Capture) -> None:
    assert carry_out(["debate", small, "--moments", "0"]) == 2
    assert "--moments 0: a number from 1 to 1000 is needed" in capsys.readouterr().err


def test_golden_lines_have_the_figures(small: str, capsys: Capture) -> None:
    assert carry_out(["debate", small, "--policy", "none", "--jobs", "1", "--golden"]) == 0
    assert "(proved)" in capsys.readouterr().out


def test_an_unknown_policy_is_bad_usage(small: str, capsys: Capture) -> None:
    assert carry_out(["debate", small, "--policy", "non"]) == 2
    assert "did you mean 'none'?" in capsys.readouterr().err
