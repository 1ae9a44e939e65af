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


def test_a_boost_raises_marks_and_floors_but_those_of_atomic_requests() -> None:
    """zone_watermark_fast: order-0 __GFP_HIGH ignores it at min; the throttle's min_wmark_pages has it."""
    marks = Watermarks.of(256, 16384).boosted(512)
    assert (marks.min_pages, marks.low_pages, marks.high_pages, marks.boost_pages) == (256, 832, 896, 512)
    assert (marks.kernel_floor, marks.throttle_floor) == (768, 384)
    assert (marks.half_floor, marks.atomic_floor, marks.memalloc_floor) == (128, 96, 0)
    again = marks.boosted(100).boosted(0)
    assert (again.low_pages, again.high_pages, again.kernel_floor) == (320, 384, 256)


@pytest.mark.parametrize(
    ("memory_pages", "most"),
    [
        (16384, 576),  # 150 % of high
        (2048, 512),
        (2047, 0),  # less than four pageblocks
    ],
)
def test_no_boost_is_larger_than_a_kernels(memory_pages: int, most: int) -> None:
    marks = Watermarks.of(256 if memory_pages > 4096 else 64, memory_pages)
    marks.check_boost(most, memory_pages)
    with pytest.raises(UsageError, match=f"at most {most} are possible"):
        marks.check_boost(most + 1, memory_pages)


def test_min_above_memory_is_refused() -> None:
    with pytest.raises(UsageError, match="min 20000 < low"):
        Watermarks.of(20000, 16384)
