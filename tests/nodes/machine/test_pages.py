"""The page pool against a slow, obvious model: a list of free pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks

MARKS = Watermarks.of(8, 64)


@given(st.lists(st.one_of(st.integers(0, 20), st.none()), max_size=200))
def test_random_operations_agree_with_a_list_of_pages(operations: list[int | None]) -> None:
    pool = PagePool(64, MARKS)
    free, taken, lowest = list(range(64)), [], 64
    for floor in operations:
        if floor is None:
            if taken:
                free.append(taken.pop())
                pool.give()
        elif len(free) > floor:
            assert pool.take(floor)
            taken.append(free.pop())
            lowest = min(lowest, len(free))
        else:
            assert not pool.take(floor)
        assert pool.free == len(free)
    assert pool.forget_lowest() == lowest
    assert pool.lowest == pool.free


def test_kswapd_is_wanted_at_low_not_above() -> None:
    pool = PagePool(64, MARKS)
    while pool.free > MARKS.low_pages:
        assert not pool.kswapd_wanted
        pool.take(0)
    pool.take(0)
    assert pool.kswapd_wanted


def test_what_cannot_be_moved_boosts_the_marks_once_memory_is_short_and_kswapd_takes_it_back() -> None:
    pool = PagePool(64, MARKS)
    pool.boost_max_pages = 5
    while pool.free > MARKS.low_pages:
        pool.take(0)
    assert not pool.marks.boost_pages, "there is plenty"
    assert pool.take_movable(0) and not pool.marks.boost_pages, "the application fragments nothing"
    assert not pool.take(60) and not pool.marks.boost_pages, "refused"
    assert pool.take(0)
    assert pool.marks.boost_pages == 5 and pool.marks.low_pages == MARKS.low_pages + 5
    pool.take(0)
    assert pool.marks.boost_pages == 5, "no more than that"
    pool.calm()
    assert (pool.marks.low_pages, pool.marks.high_pages) == (MARKS.low_pages, MARKS.high_pages)


def test_freeing_more_than_was_taken_is_a_mistake() -> None:
    with pytest.raises(AssertionError):
        PagePool(64, MARKS).give()
