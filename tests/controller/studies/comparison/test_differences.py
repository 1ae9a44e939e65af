"""Intervals of paired differences, beside SciPy's."""

from __future__ import annotations

import pytest
from scipy import stats

from controller.studies.comparison.differences import difference, differences, t_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 10, 29, 30, 99])
def test_the_quantile_is_scipys(freedom: int) -> None:
    assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-8)


def test_the_interval_is_scipys() -> None:
    values = [3.0, 5.5, 4.0, 7.25, 2.0]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    item = difference("free_least_pages", values)
    assert (item.low, item.high) == (pytest.approx(low), pytest.approx(high))
    assert item.mean == pytest.approx(4.35) and item.pairs == 5 and item.clear


def test_an_interval_with_zero_in_it_is_not_clear() -> None:
    assert not difference("recovery_s", [-1.0, 1.0, 0.5]).clear


def test_one_pair_has_no_interval() -> None:
    item = difference("recovery_s", [2.0])
    assert (item.mean, item.low, item.high, item.clear) == (2.0, None, None, False)


def test_only_seeds_that_both_have_are_pairs() -> None:
    first = {1: {"recovery_s": 1.0, "hang_s": None}, 2: {"recovery_s": 3.0}, 3: {"recovery_s": 9.0}}
    other = {1: {"recovery_s": 2.0, "hang_s": 5.0}, 2: {"recovery_s": 5.0}, 4: {"recovery_s": 0.0}}
    (item,) = differences(first, other)
    assert item.figure == "recovery_s" and item.mean == 1.5 and item.pairs == 2
