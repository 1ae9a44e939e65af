"""Verdicts are listed in one place: any other list of them would have an order, a word or a colour of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from controller.experiment.verdicts import VerdictName

ROOT = Path(__file__).resolve().parents[2]
TABLE = "controller/experiment/verdicts.py"
NAMES = set(get_args(VerdictName))
FEW = 2
"""Names that may stand together: a question such as `in ("deadlocked", "starved")` is not a table."""


def tables(source: str) -> Iterator[int]:
    """Lines at which more than FEW verdicts stand in one literal: a tuple, list, set, dict or Literal[...]."""
    for node in ast.walk(ast.parse(source)):
        items = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
        named = {item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)}
        if len(named & NAMES) > FEW:
            yield node.lineno


def test_no_other_module_lists_verdicts() -> None:
    paths = [path for package in ("nodes", "controller", "traffic") for path in (ROOT / package).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix(): list(tables(path.read_text())) for path in paths}
    assert {name for name, lines in found.items() if lines} == {TABLE}


@pytest.mark.parametrize(
    "planted",
    ['{"healthy": 1, "slow": 2, "oom": 3}', '("slow", "starved", "oom")', 'Literal["slow", "oom", "healthy"]'],
)
def test_a_planted_table_is_found(planted: str) -> None:
    assert list(tables(f"x = {planted}")) == [1]


def test_a_question_is_no_table() -> None:
    assert not list(tables('x = verdict in ("deadlocked", "starved")'))
