"""From counts to a ratio, and what it would take: the arithmetic by hand, the direction of every price, and the verdict."""

from __future__ import annotations

import pytest

from controller.studies.epoll2006.claim import (
    CLAIMS_RPS,
    Counts,
    burst_request_ns,
    counted,
    favourable,
    needed_ns,
    ratio_of,
    saved_ns,
)
from controller.studies.epoll2006.costs import COSTS, base_prices, parsed
from controller.studies.epoll2006.result import Result, examine
from controller.studies.epoll2006.sensitivity import break_even
from controller.studies.epoll2006.server import Load
from nodes.errors import UsageError

LOAD = Load(in_flight=16, requests=16)


@pytest.fixture(scope="module")
def result() -> Result:
    return examine(LOAD, base_prices())


def test_time_is_the_sum_of_counts_and_prices() -> None:
    counts = Counts("x", {"bounce": 2.0, "lock": 3.0}, {})
    assert counts.time_ns({"bounce": 100, "lock": 10, "page": 7}) == 230


def test_a_ratio_is_what_is_left_of_a_request() -> None:
    assert needed_ns(1700) == pytest.approx(168_067, abs=1), "588 us may last 420"
    assert ratio_of(needed_ns(1700), 1700) == pytest.approx(1.4)
    assert ratio_of(-588_235, 1700) == pytest.approx(0.5, abs=1e-5)
    assert ratio_of(600_000, 1700) == float("inf")


def test_the_other_reading_of_the_rates() -> None:
    assert burst_request_ns(3000) == 0, "3000 a second is the pause alone"
    assert [round(burst_request_ns(rate) / 1000) for rate in (1700, 2300)] == [255, 101]


def test_counting_twice_counts_the_same() -> None:
    first = counted("nta", LOAD)
    counted.cache_clear()
    assert counted("nta", LOAD) == first


def test_who_does_what() -> None:
    kmalloc, v1, v2 = (counted(name, LOAD).per_request for name in ("kmalloc", "nta-v1", "nta"))
    assert kmalloc["kmalloc"] == 48 and v2["kmalloc"] == v1["kmalloc"] == 24, "heads stay with kmalloc"
    assert v2["nta"] == 24 + 5, "and five objects are handled once more, when their owner takes them back"
    assert "nta" not in kmalloc and "scan" not in kmalloc
    assert kmalloc["lock"] < 1 < 10 <= v2["lock"], "a lock for every foreign free and every return of it"


def test_the_claim_does_not_hold_with_published_costs(result: Result) -> None:
    assert [finding.counts.allocator for finding in result.findings] == list(CLAIMS_RPS)
    for finding in result.findings:
        assert not finding.holds and 0.9 < finding.ratio < 1.02
        assert finding.ratio <= finding.ratio_favourable < finding.claimed_ratio_low, "nor at every price's best"
        assert all(bar.ratio_low < 1.4 and bar.ratio_high < 1.4 for bar in finding.sensitivity)
    assert result.kmalloc_us < result.needed_us / 5 and 1 < result.ceiling < 1.1, "not even if memory cost nothing"


def test_the_claim_can_hold(result: Result) -> None:
    """The instrument is able to say yes: at its break-even price the ratio is the target, and above it more."""
    rows = {row.name: row for row in break_even(LOAD, "nta", base_prices(), 1700)}
    needed = rows["kmalloc"].needed_ns
    assert needed is not None and needed > 100 * rows["kmalloc"].price_ns and rows["kmalloc"].possible
    prices = base_prices() | {"kmalloc": needed}
    assert ratio_of(saved_ns(LOAD, "nta", prices), 1700) == pytest.approx(1.4)
    assert examine(LOAD, prices | {"kmalloc": needed + 1}).findings[1].holds
    assert rows["nta"].needed_ns is None, "nta's own work cannot help it"
    assert rows["scan"].needed_ns is None and rows["lock"].needed_ns is None


def test_no_choice_within_the_ranges_beats_the_favourable_one() -> None:
    best = favourable(LOAD, "nta")
    for cost in COSTS:
        for end in (cost.low_ns, cost.high_ns):
            assert saved_ns(LOAD, "nta", best | {cost.name: end}) <= saved_ns(LOAD, "nta", best)


def test_every_cost_has_a_range_around_its_base_and_says_where_it_is_from() -> None:
    for cost in COSTS:
        assert 0 < cost.low_ns <= cost.base_ns <= cost.high_ns and cost.source and cost.what


def test_prices_are_read() -> None:
    assert parsed([]) == base_prices()
    assert parsed(["bounce=300", "lock=1.5ns"])["bounce"] == 300
    assert parsed(["lock=1.5ns"])["lock"] == 1.5


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("bounse=3", "unknown cost 'bounse' .did you mean 'bounce'"),
        ("bounce", "bounce=139.5"),
        ("bounce=-1", "0 to 1e9"),
        ("bounce=much", "a number of ns"),
        ("bounce=nan", "a number of ns"),
    ],
)
def test_prices_that_are_none_are_refused(word: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parsed([word])
