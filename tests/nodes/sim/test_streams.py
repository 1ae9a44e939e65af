"""Randomness: named, from one seed, with the means that were asked for."""

from __future__ import annotations

import pytest
from queueingmodels import interval

from nodes.sim.streams import Streams, spread_ns, stream
from nodes.units import MS_NS


def test_a_stream_depends_on_seed_and_name_alone() -> None:
    assert stream(1, "a").random() == stream(1, "a").random()
    assert len({stream(1, "a").random(), stream(2, "a").random(), stream(1, "b").random()}) == 3


def test_the_first_numbers_are_the_same_everywhere() -> None:
    """Hashing and generator are fixed by the language: another Python that gave others would change every run."""
    random = stream(7, "initiator-1/link")
    assert [round(random.random(), 12) for _ in range(3)] == [0.945986273245, 0.150577387128, 0.466893154141]


def test_streams_know_whether_anything_was_drawn_and_until_then_take_another_seed() -> None:
    streams = Streams(1)
    one, other = streams.of("a"), streams.of("b")
    assert streams.of("a") is one and not streams.drawn
    streams.reseed(2)
    assert (one.random(), other.random()) == (stream(2, "a").random(), stream(2, "b").random())
    assert streams.drawn
    with pytest.raises(AssertionError, match="drawn"):
        streams.reseed(3)


@pytest.mark.parametrize("kind", ["exponential", "lognormal"])
def test_every_spread_has_the_mean_that_was_asked(kind: str) -> None:
    random = stream(1, "disk")
    low, high = interval([spread_ns(MS_NS, kind, random) / MS_NS for _ in range(40_000)])
    assert low <= 1 <= high
    assert high - low < 0.15


def test_a_fixed_latency_is_fixed() -> None:
    random = stream(1, "disk")
    assert {spread_ns(MS_NS, "fixed", random) for _ in range(10)} == {MS_NS}


def test_the_lognormal_tail_is_as_long_as_stated() -> None:
    random = stream(1, "disk")
    times = sorted(spread_ns(MS_NS, "lognormal", random) for _ in range(40_000))
    assert times[39_600] / MS_NS == pytest.approx(6.2, rel=0.1)


def test_no_latency_draws_nothing() -> None:
    random = stream(1, "disk")
    assert spread_ns(0, "exponential", random) == 0
    assert random.random() == stream(1, "disk").random()
