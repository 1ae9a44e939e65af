"""Watermarks against the numbers that physics.md section 2 states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.errors import UsageError
from nodes.machine.watermarks import Watermarks


def test_floors_of_each_class() -> None:
    marks = Watermarks.of(256, 16384)
    assert (marks.min_pages, marks.low_pages, marks.high_pages) == (256, 320, 384)
    assert (marks.kernel_floor, marks.half_floor, marks.atomic_floor, marks.memalloc_floor) == (256, 128, 96, 0)


@given(st.integers(1, 1 << 20), st.integers(1, 1 << 22))
def test_marks_are_ordered_or_refused_with_the_values(min_pages: int, memory_pages: int) -> None:
    try:
        marks = Watermarks.of(min_pages, memory_pages)
    except UsageError as error:
        assert str(min_pages) in str(error) and str(memory_pages) in str(error)
    else:
        assert 0 < marks.min_pages < marks.low_pages < marks.high_pages < memory_pages
        assert 0 <= marks.memalloc_floor < marks.atomic_floor <= marks.half_floor <= marks.kernel_floor


def test_min_above_memory_is_refused() -> None:
    with pytest.raises(UsageError, match="min 20000 < low"):
        Watermarks.of(20000, 16384)
