"""The verb that runs the debate, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from smallscenario import SMALL

from controller.cli.main import carry_out

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def small(tmp_path: Path) -> str:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return str(file)


def test_the_table_has_a_verdict_for_every_policy(small: str, capsys: Capture) -> None:
    assert carry_out(["debate", small, "--policy", "none,ideal", "--jobs", "1"]) == 0
    header, row = capsys.readouterr().out.splitlines()[:2]
    assert header.split() == ["scenario", "none", "ideal"]
    assert row.split() == ["small", "deadlocked", "healthy"]
    assert carry_out(["debate", small, "--policy", "none", "--policy", "ideal", "--jobs", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [header, row], "repeated is as good as with commas"


def test_cells_are_printed_as_json_and_an_impossible_one_says_why(small: str, capsys: Capture) -> None:
    assert carry_out(["debate", small, "--policy", "nta-v1", "--jobs", "1", "--json"]) == 0
    cell = json.loads(capsys.readouterr().out)
    assert cell["verdict"] == "impossible" and "nta-v1" in cell["sentence"]


def test_golden_lines_have_the_figures(small: str, capsys: Capture) -> None:
    assert carry_out(["debate", small, "--policy", "none", "--jobs", "1", "--golden"]) == 0
    assert "(proved)" in capsys.readouterr().out


def test_an_unknown_policy_is_bad_usage(small: str, capsys: Capture) -> None:
    assert carry_out(["debate", small, "--policy", "non"]) == 2
    assert "did you mean 'none'?" in capsys.readouterr().err
