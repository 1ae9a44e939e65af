"""Delta debugging finds the fewest items that show what all show."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.studies.shrink.ddmin import ddmin


@pytest.mark.parametrize("needed", [{3}, {0, 7}, {1, 2, 6}, set(range(8))])
def test_only_what_is_needed_is_left(needed: set[int]) -> None:
    assert ddmin(range(8), lambda items: needed <= set(items)) == sorted(needed)


def test_nothing_is_needed() -> None:
    assert ddmin([1, 2, 3], lambda items: True) == []
    assert ddmin([], lambda items: False) == []


def test_either_of_two_is_enough() -> None:
    assert len(ddmin(range(10), lambda items: bool({2, 8} & set(items)))) == 1


@given(st.sets(st.integers(0, 30), max_size=6), st.integers(1, 31))
def test_the_answer_is_one_minimal(needed: set[int], length: int) -> None:
    items = list(range(length))
    wanted = needed & set(items)

    def shows(kept: Sequence[int]) -> bool:
        return wanted <= set(kept)

    assert set(ddmin(items, shows)) == wanted


def test_few_questions_are_asked_when_one_item_is_to_blame() -> None:
    asked: list[Sequence[int]] = []

    def shows(items: Sequence[int]) -> bool:
        asked.append(items)
        return 77 in items

    assert ddmin(range(128), shows) == [77]
    assert len(asked) < 30
