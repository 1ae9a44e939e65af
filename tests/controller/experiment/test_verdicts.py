"""One table of verdicts: complete, told apart without colour, and ordered so that the worst one speaks for all."""

from __future__ import annotations

from itertools import combinations
from typing import get_args

import pytest

from controller.experiment.verdicts import SURVIVED, VERDICTS, VOID, WORST_FIRST, VerdictName, rank, worst
from controller.studies.kernels.model import TrialVerdict
from controller.studies.sweep.model import SweptVerdict

RUNS: tuple[VerdictName, ...] = get_args(VerdictName)
BAD = [name for name in RUNS if name not in SURVIVED | VOID]


def test_the_table_has_every_verdict_of_a_run_a_point_and_a_trial() -> None:
    assert {*RUNS, *get_args(SweptVerdict), *get_args(TrialVerdict)} <= set(VERDICTS)
    assert all(verdict.word and verdict.meaning.endswith(".") for verdict in VERDICTS.values())


@pytest.mark.parametrize("names", [RUNS, get_args(SweptVerdict), get_args(TrialVerdict)])
def test_those_that_stand_in_one_table_have_signs_and_ranks_of_their_own(names: tuple[str, ...]) -> None:
    assert len({VERDICTS[name].sign for name in names}) == len(names)
    assert len({rank(name) for name in names}) == len(names)


@pytest.mark.parametrize("name", BAD)
def test_what_was_seen_to_end_badly_did_whatever_is_unknown_of_others(name: VerdictName) -> None:
    assert worst(["inconclusive", name, "healthy"]) == name


@pytest.mark.parametrize("name", sorted(SURVIVED))
def test_nobody_can_say_that_all_survived_while_one_is_unknown(name: VerdictName) -> None:
    assert worst([name, "inconclusive"]) == "inconclusive"


def test_of_nobody_nothing_is_known() -> None:
    assert worst([]) == "inconclusive"


def test_the_worst_of_two_comes_first_in_the_order() -> None:
    for one, other in combinations(RUNS, 2):
        assert worst([one, other]) == min(one, other, key=WORST_FIRST.index)
