"""Goal: a shell's variable that is not set is told, and never taken for a setting that was left out."""

from __future__ import annotations

import pytest

from controller.cli.words import refuse_empty
from nodes.errors import UsageError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--tier", ""], "--tier is given nothing: leave it out, or give it a value"),
        (["run", "--tier= "], "--tier is given nothing"),
        (["compare", "", "none"], "'' names nothing: leave it out, or write what is meant"),
        (["\t"], "names nothing"),
    ],
)
def test_a_word_without_a_letter_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        refuse_empty(words)


def test_all_others_are_left_to_their_verbs() -> None:
    refuse_empty(["run", "x.yaml", "--set", "seed=", "--vary=policy=none", "--json", "--", "-", "="])
