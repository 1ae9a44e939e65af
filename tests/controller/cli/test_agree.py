"""The verb that lays tiers side by side: what it runs, what it keeps, what it answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from smallscenario import SMALL

from controller.cli.main import carry_out

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return ["agree", str(file), "--runs", str(tmp_path / "runs"), "--tier", "sim"]


def test_rows_are_kept_and_not_run_again(words: list[str], tmp_path: Path, capsys: Capture) -> None:
    page = tmp_path / "page.md"
    assert carry_out([*words, "--policy", "none", "--page", str(page)]) == 0
    assert "small under none, sim tier" in capsys.readouterr().err
    assert "| small | none | deadlocked" in page.read_text()
    assert carry_out([*words, "--policy", "none", "--json"]) == 0
    again = capsys.readouterr()
    assert "small under none" in again.err  # simulations always are
    assert json.loads(again.out)["rows"][0]["verdict"] == "deadlocked"


def test_a_broken_record_is_named_with_its_line(words: list[str], tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "agreement.jsonl").write_text("{}\n")
    assert carry_out([*words, "--policy", "none"]) == 2
    assert "agreement.jsonl:1:" in capsys.readouterr().err


def test_unknown_tiers_and_policies_are_bad_usage(words: list[str], capsys: Capture) -> None:
    assert carry_out([*words[:-1], "simm"]) == 2
    assert carry_out([*words, "--policy", "memaloc"]) == 2
    assert capsys.readouterr().err.count("did you mean") == 2
