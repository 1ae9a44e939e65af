"""Wilson's interval against figures from elsewhere."""

from __future__ import annotations

import pytest

from controller.studies.proportion import Share


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [  # scipy.stats.binomtest(hits, of).proportion_ci(method="wilson")
        (0, 1, 0.0, 0.79345),
        (0, 5, 0.0, 0.43448),
        (5, 5, 0.56552, 1.0),
        (3, 5, 0.23072, 0.88238),
        (17, 25, 0.48410, 0.82795),
    ],
)
def test_bounds_are_those_of_the_books(hits: int, of: int, low: float, high: float) -> None:
    assert Share(hits=hits, of=of).interval == pytest.approx((low, high), abs=6e-6)


def test_it_is_told_in_per_cent() -> None:
    assert Share(hits=5, of=5).told == "5/5 (57–100 %)"
