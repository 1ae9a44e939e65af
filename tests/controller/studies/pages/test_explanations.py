"""A person's words on why tiers differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from docpages import ROOT

from controller.studies.pages import explanations
from nodes.errors import UsageError


def test_words_are_read_by_scenario_and_policy(tmp_path: Path) -> None:
    file = tmp_path / "why.toml"
    file.write_text('[kernel-tcp]\nnone = """the card\'s\n  ring"""\n"memalloc+head_reserve" = "x"\n')
    told = explanations.read(file)
    assert told == {("kernel-tcp", "none"): "the card's ring", ("kernel-tcp", "memalloc+head_reserve"): "x"}


@pytest.mark.parametrize(
    ("text", "message"), [("[a", "why.toml: "), ('a = "b"', r"\[a\] must hold"), ("[a]\nb = 1", r"\[a\] must hold")]
)
def test_what_is_no_such_file_is_told(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "why.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        explanations.read(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        explanations.read(tmp_path / "none.toml")


def test_the_words_of_the_checkout_can_be_read() -> None:
    assert isinstance(explanations.read(ROOT / explanations.FILE), dict)
