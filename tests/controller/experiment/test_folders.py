"""Goal: no scenario is kept where something else of the runs folder is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from controller.cli.main import carry_out
from controller.experiment import folders
from controller.experiment.folders import RESERVED
from controller.experiment.rescue import RESCUE
from controller.experiment.scenario import ScenarioErrors, parse

ROOT = Path(__file__).parents[3]
TEXT = "name: {}\npolicy: none\nexpect: [verdict: healthy]\n"


@pytest.mark.parametrize("name", RESERVED)
def test_a_reserved_name_is_refused_with_its_line_and_reason(name: str) -> None:
    with pytest.raises(ScenarioErrors) as caught:
        parse(TEXT.format(name), "s.yaml")
    assert str(caught.value) == (
        f"s.yaml:1: name: '{name}' cannot name a scenario: that place in the runs folder is for {RESERVED[name]}"
    )


def test_every_name_of_the_list_is_reserved() -> None:
    assert {value for key, value in vars(folders).items() if key.isupper() and isinstance(value, str)} == set(RESERVED)
    assert RESCUE in RESERVED


def test_folders_of_the_runs_folder_are_named_by_the_list_alone() -> None:
    """`runs_folder(...) / "words"` and the like would be a place that the list does not know."""
    for path in (ROOT / "controller").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and "runs" in ast.unparse(node.left):
                assert not (isinstance(node.right, ast.Constant) and str(node.right.value).isalpha()), ast.unparse(node)


def test_latest_is_not_written_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.yaml").write_text(TEXT.format("latest"))
    assert carry_out(["run", str(tmp_path / "s.yaml"), "--runs", str(tmp_path / "runs")]) == 2
    assert "s.yaml:1: name: 'latest' cannot name a scenario" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
