"""The order of points is the table's, and a plan that cannot be is refused in words."""

from __future__ import annotations

import pytest
from sweptgrids import classic, plan

from controller.experiment.scenario.axes import axis
from controller.studies.sweep.model import Plan, numeric
from nodes.errors import UsageError


def test_points_count_through_the_last_axis_and_the_seeds() -> None:
    asked = plan("policy=none,memalloc", "floods.0.rate=1k,2k,3k", seeds=2)
    assert (asked.shape, asked.places, asked.points) == ((2, 3), 6, 12)
    told = [(asked.point(i).changes["policy"], asked.point(i).changes["floods.0.rate"]) for i in range(0, 12, 2)]
    assert told == [(p, r) for p in ("none", "memalloc") for r in ("1 kpps", "2 kpps", "3 kpps")]
    assert [asked.point(i).changes["seed"] for i in range(4)] == [7, 8, 7, 8]
    assert [asked.place_of(asked.levels_of(place)) for place in range(6)] == [*range(6)]


def test_a_warmup_is_shared_by_floods_and_not_by_reserves() -> None:
    asked = plan("nodes.initiator.min_free=1M,2M", "floods.0.rate=1k,2k", seeds=2)
    assert [asked.warmup_of(i) for i in range(4)] == [(0, 0), (1, 0), (0, 0), (1, 0)]
    assert asked.warmup_of(4) == (0, 1)


@pytest.mark.parametrize(
    ("axes", "seeds", "told"),
    [
        (("policy=none", "policy=memalloc"), 1, "'policy' is varied twice"),
        (("seed=1,2",), 1, "--seeds N"),
        (("policy=none",), 0, "0 seeds"),
        (("floods.0.rate=1k..200k:log1000", "nodes.initiator.min_free=1M..8M:log1000"), 3, "at most 1,000,000"),
    ],
)
def test_what_cannot_be_swept(axes: tuple[str, ...], seeds: int, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Plan(classic(), tuple(axis(text) for text in axes), seeds)


def test_words_and_falling_numbers_are_no_scale() -> None:
    assert numeric(axis("floods.0.rate=1k,2k"))
    assert not numeric(axis("floods.0.rate=2k,1k")) and not numeric(axis("policy=none,memalloc"))
