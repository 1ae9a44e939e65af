"""The pacer keeps its rate, whatever the clock that asks it does."""

from hypothesis import given
from hypothesis import strategies as st

from traffic.pacing import SECOND_NS, Pacer

rates = st.integers(1, 200_000)
shares = st.integers(1, 64)
steps = st.lists(st.integers(0, 3 * SECOND_NS), min_size=1, max_size=60)


@given(rates, shares, steps)
def test_never_more_than_the_rate_and_one_burst_in_any_span(rate: int, share: int, gaps: list[int]) -> None:
    pacer, now, times, taken = Pacer(rate, share, 0), 0, [0], [0]
    for gap in gaps:
        now += gap
        times.append(now)
        taken.append(pacer.take(now))
    for first in range(len(times)):
        for last in range(first, len(times)):
            allowed = (times[last] - times[first]) * rate / (share * SECOND_NS)
            assert sum(taken[first : last + 1]) <= allowed + pacer.burst + 1


@given(rates, shares, steps)
def test_everything_due_is_sent_or_counted_as_skipped(rate: int, share: int, gaps: list[int]) -> None:
    pacer, now = Pacer(rate, share, 7), 7
    for gap in gaps:
        now += gap
        assert 0 <= pacer.take(now) <= pacer.burst
    assert pacer.sent + pacer.skipped == sum(gaps) * rate // (share * SECOND_NS)


@given(rates, shares, st.integers(0, 500))
def test_waking_up_when_told_sends_exactly_one_and_skips_none(rate: int, share: int, rounds: int) -> None:
    pacer = Pacer(rate, share, 0)
    for _ in range(rounds):
        now = pacer.next_ns()
        assert pacer.take(now - 1) == 0
        assert pacer.take(now) >= 1
    assert pacer.skipped == 0


def test_a_hiccup_is_made_up_for_and_a_long_halt_is_not() -> None:
    pacer = Pacer(rate_pps=10_000, shares=1, start_ns=0)
    assert pacer.take(20_000_000) == 200
    assert pacer.skipped == 0
    assert pacer.take(2 * SECOND_NS) == pacer.burst == 500
    assert pacer.skipped == 20_000 - 200 - 500
