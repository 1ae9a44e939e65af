"""The sequential test: what it says is right as often as it claims."""

from __future__ import annotations

import random

import pytest

from controller.studies.size.sequential import SequentialTest
from nodes.errors import UsageError

TEST = SequentialTest(survive=0.95, confidence=0.95)


def answers(probability: float, test: SequentialTest, times: int = 400) -> list[bool]:
    """What the test says of machines that survive with `probability`."""
    chance = random.Random(1)
    runs = ([chance.random() < probability for _ in range(test.runs_most)] for _ in range(times))
    return [answer for run in runs if (answer := test.decide(run)) is not None]


def test_a_machine_that_never_fails_is_accepted_after_the_stated_runs() -> None:
    assert TEST.decide([True] * TEST.faultless_runs) is True
    assert TEST.decide([True] * (TEST.faultless_runs - 1)) is None
    assert TEST.faultless_runs == 64


def test_two_failures_at_once_reject() -> None:
    assert TEST.decide([False]) is None
    assert TEST.decide([False, False]) is False


def test_what_comes_after_the_decision_changes_nothing() -> None:
    assert TEST.decide([False, False] + [True] * 500) is False
    assert TEST.decide([True] * TEST.faultless_runs + [False] * 50) is True


def test_errors_are_as_rare_as_claimed() -> None:
    wrongly_accepted = answers(TEST.survive, TEST).count(True) / 400
    wrongly_rejected = answers(TEST.better, TEST).count(False) / 400
    assert wrongly_accepted <= 0.07 and wrongly_rejected <= 0.07, "5 %, and what 400 repetitions may miss it by"
    assert answers(0.5, TEST).count(False) == 400


def test_an_open_question_ends() -> None:
    """A failure among every forty-nine runs lies between p0 and p1: the bound on runs says no."""
    undecided = [index % 49 != 48 for index in range(TEST.runs_most)]
    assert TEST.decide(undecided[:-1]) is None
    assert TEST.decide(undecided) is False


@pytest.mark.parametrize("values", [{"survive": 1.0}, {"confidence": 0.3}])
def test_impossible_demands_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"0\.5 to 0\.999 are possible"):
        SequentialTest(**values)


def test_the_claim_is_told() -> None:
    assert "0.95" in TEST.describe() and "64 runs" in TEST.describe()
