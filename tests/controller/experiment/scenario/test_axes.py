"""Goal: an axis says exactly which values it has, in the units of its key; what is not an axis is told why."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.experiment.scenario.axes import axis
from nodes.errors import UsageError


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("policy=none,memalloc", ["none", "memalloc"]),
        ("policy = none , memalloc+srog", ["none", "memalloc+srog"]),
        ("policy.allocator=slab,srog", ["slab", "srog"]),
        ("nodes.initiator.min_free=128K,1M,2 MiB", ["128 KiB", "1 MiB", "2 MiB"]),
        ("nodes.initiator.min_free=128K..8M:log4", ["128 KiB", "512 KiB", "2 MiB", "8 MiB"]),
        ("floods.0.rate=1k..200k:lin3", ["1 kpps", "100500 pps", "200 kpps"]),
        ("floods.0.rate=500..1k:2", ["500 pps", "1 kpps"]),
        ("floods.0.sockets=1..4:log16", ["1", "2", "3", "4"]),
        ("links.data.rate=10M,1G", ["10 Mbit", "1 Gbit"]),
        ("links.data.loss=0.1 %..10 %:log3", ["0.1 %", "1 %", "10 %"]),
        ("phases.warmup=5 s..20 s:lin2", ["5 s", "20 s"]),
        ("nodes.initiator.touch_rate=1k,2000", ["1 kpages/s", "2 kpages/s"]),
        ("faults.0.stalled=true,false", ["true", "false"]),
        ("nodes.initiator.nic=e1000,ideal", ["e1000", "ideal"]),
    ],
)
def test_the_values_of_an_axis(text: str, labels: list[str]) -> None:
    assert [value.label for value in axis(text).values] == labels


def test_what_vary_is_given_and_where_it_stands() -> None:
    words, sizes = axis("policy=none"), axis("nodes.initiator.min_free=128K..8M:log2")
    assert [(value.given, value.number) for value in words.values] == [("none", None)]
    assert [(value.given, value.number) for value in sizes.values] == [("128 KiB", 32.0), ("8 MiB", 2048.0)]
    assert (words.scale, sizes.scale, axis("seed=1..9:3").scale) == ("list", "log", "lin")
    assert [value.given for value in axis("seed=1..9:3").values] == [1, 5, 9]


def test_values_that_round_to_the_same_are_told() -> None:
    few = axis("floods.0.sockets=1..4:log16")
    assert few.note == "floods.0.sockets: 16 values were asked for, 4 remain: the others round to the same"
    assert not axis("floods.0.sockets=1..4:4").note


@given(st.integers(1, 10**5), st.integers(2, 10**5), st.integers(2, 40), st.sampled_from(["lin", "log"]))
def test_a_range_rises_from_its_low_to_its_high(low: int, more: int, count: int, scale: str) -> None:
    found = axis(f"floods.0.rate={low} pps..{low + more} pps:{scale}{count}")
    numbers = [value.number for value in found.values if value.number is not None]
    assert (numbers[0], numbers[-1]) == (low, low + more)
    assert all(a < b for a, b in pairwise(numbers))
    assert len(numbers) <= count == found.asked


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("policy", "'policy' is not an axis: KEY=VALUES is needed, for example policy=none,memalloc or"),
        ("=3", "'=3' is not an axis"),
        ("policy=", "'policy=' is not an axis"),
        ("polcy=none", "polcy: a scenario has no key 'polcy' (did you mean 'policy'?)"),
        ("floods.0.rtae=1k", "floods.0.rtae: 'floods.0' has no key 'rtae' (did you mean 'rate'?)"),
        ("phases=1", "'phases' is a group of keys: name one of them, e.g. 'phases.warmup'"),
        ("floods=1", "'floods' is a list or a group: name what is to change in it"),
        ("seed.x=1", "'seed.x' leads nowhere: 'seed' is a single value"),
        ("policy=none,nun", "policy: unknown policy 'nun' ("),
        ("policy=none,none", "policy: none stands there twice: once is enough"),
        ("policy=none..memalloc:2", "policy: 'none' is not a number that a range could begin or end with"),
        (
            "nodes.initiator.min_free=128..8M:2",
            "nodes.initiator.min_free: '128' is not a size: a number and a unit are",
        ),
        ("nodes.initiator.min_free=8M..1M:2", "nodes.initiator.min_free: 8M is not below 1M: LOW..HIGH is needed"),
        ("nodes.initiator.min_free=1M..8M", "nodes.initiator.min_free: how many values?"),
        ("nodes.initiator.min_free=1M..8M:log", "nodes.initiator.min_free: how many values?"),
        ("nodes.initiator.min_free=1M..8M:exp4", "nodes.initiator.min_free: unknown spacing 'exp'"),
        ("nodes.initiator.min_free=1M..8M:1", "nodes.initiator.min_free: 1 values cannot be: 2 to 1000 are possible"),
        ("links.data.delay=0 s..1 s:log4", "links.data.delay: a log axis cannot begin at 0 s: more than 0 is needed"),
        ("floods.0.sockets=0..4:4", "floods.0.sockets: 0 is not possible: 1 to"),
    ],
)
def test_what_is_no_axis(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        axis(text)
    assert str(caught.value).startswith(message)
