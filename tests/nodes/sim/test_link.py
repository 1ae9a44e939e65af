"""A line beside the closed forms of queueing theory, and what befalls packets in the shares that were asked for."""

from __future__ import annotations

import pytest
from queueingmodels import (
    MEAN_BYTES,
    RATE_BPS,
    SERVICE_NS,
    Found,
    exponential_size,
    interval,
    line,
    loss_runs,
    losses,
    md1,
    mm1,
    mm1k,
    waits_us,
)

from nodes.config import Queueing, Shape
from nodes.sim.link import Port, burst_odds
from nodes.sim.streams import stream
from nodes.units import MS_NS, US_NS

PACKETS = 40_000


def assert_agrees(found: Found, narrow: float) -> None:
    """`narrow`: the interval says something, its half width being at most this share of its middle."""
    assert found.agrees and found.half_width <= narrow, found


# ---- queues


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_wait_of_random_packets_is_that_of_m_m_1(load: float) -> None:
    assert_agrees(mm1(load, PACKETS), 0.2)


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_wait_of_equal_packets_is_that_of_m_d_1(load: float) -> None:
    assert_agrees(md1(load, PACKETS), 0.2)


def test_the_check_tells_one_queue_from_the_other() -> None:
    """Known bad: equal packets wait half as long as random ones, and the interval sees it."""
    low, _ = interval(waits_us(line(Shape(rate_bps=RATE_BPS)), 0.7, PACKETS, exponential_size)[0])
    assert md1(0.7, PACKETS).theory < low


@pytest.mark.parametrize(("load", "places"), [(0.5, 2), (0.9, 5), (1.5, 10)])
def test_a_finite_queue_loses_and_waits_as_m_m_1_k(load: float, places: int) -> None:
    loss, wait = mm1k(load, places, PACKETS)
    assert_agrees(loss, 0.1)
    assert_agrees(wait, 0.1)


def test_an_even_flow_above_the_rate_loses_the_difference_and_waits_for_a_full_queue() -> None:
    offered, limit = 1.6, 50
    made = line(Shape(rate_bps=RATE_BPS), queue=limit)
    waits = []
    for number in range(PACKETS):
        now_ns = round(number * SERVICE_NS / offered)
        left_ns = made.send(now_ns, MEAN_BYTES, 1)
        if made.passed:
            waits.append(left_ns - now_ns)
    assert made.overflowed / PACKETS == pytest.approx(1 - 1 / offered, abs=2 * limit / PACKETS)
    # a packet that gets the last place waits for the ones before it; one of them is already on the wire
    assert limit * SERVICE_NS < max(waits) <= (limit + 1) * SERVICE_NS
    assert min(waits[1000:]) > limit * SERVICE_NS - SERVICE_NS


def test_an_even_flow_below_the_rate_never_waits() -> None:
    made = line(Shape(rate_bps=RATE_BPS), queue=1)
    assert {made.send(n * 2 * SERVICE_NS, MEAN_BYTES, 1) - n * 2 * SERVICE_NS for n in range(1000)} == {SERVICE_NS}


def test_a_train_is_served_like_its_packets_one_by_one() -> None:
    train, single = (line(Shape(rate_bps=RATE_BPS, delay_ns=MS_NS), queue=20) for _ in range(2))
    for now_ns in range(0, 50 * MS_NS, MS_NS):
        last_ns = train.send(now_ns, 15 * MEAN_BYTES, 15)
        arrivals = [single.send(now_ns, MEAN_BYTES, 1) for _ in range(15)]
        assert last_ns == max(arrivals)
        assert train.passed == sum(arrival > 0 for arrival in arrivals)


def test_delay_comes_on_top_of_the_rate() -> None:
    made = line(Shape(rate_bps=RATE_BPS, delay_ns=3 * MS_NS))
    assert made.send(0, MEAN_BYTES, 1) == SERVICE_NS + 3 * MS_NS
    assert made.send(0, MEAN_BYTES, 1) == 2 * SERVICE_NS + 3 * MS_NS


# ---- losses and other trouble


@pytest.mark.parametrize(("loss", "burst"), [(0.2, 1), (0.02, 1), (0.3, 4)])
def test_losses_have_the_share_and_the_bursts_that_were_asked(loss: float, burst: int) -> None:
    share, length = losses(loss, burst, 2 * PACKETS)
    assert_agrees(share, 0.2)
    assert_agrees(length, 0.1)


def test_the_check_tells_bursts_from_single_losses() -> None:
    """Known bad: the same share of losses, each by itself."""
    _, runs = loss_runs(0.3, 1, PACKETS)
    assert interval(runs)[1] < 4


@pytest.mark.parametrize("burst", [1, 2, 10])
@pytest.mark.parametrize("loss", [0.0, 0.001, 0.5, 0.9, 0.99, 1.0])
def test_every_share_can_be_lost_in_every_burst(loss: float, burst: int) -> None:
    """The stationary share of a two-state chain is enter / (enter + leave)."""
    enter, leave = burst_odds(loss, burst)
    assert 0 <= enter <= 1
    assert 0 <= leave <= 1
    assert enter / (enter + leave) == pytest.approx(loss)


def test_everything_is_lost_when_everything_is_to_be_lost() -> None:
    assert all(loss_runs(1.0, 3, 1000)[0])


def test_jitter_spreads_the_delay_evenly_around_its_mean_and_keeps_the_order() -> None:
    made = line(Shape(delay_ns=10 * MS_NS, jitter_ns=4 * MS_NS))
    gap_ns = 20 * MS_NS
    delays = [(made.send(n * gap_ns, 100, 1) - n * gap_ns) / MS_NS for n in range(PACKETS)]
    low, high = interval(delays)
    assert low <= 10 <= high
    assert high - low < 0.2
    assert 6 <= min(delays) < 6.1
    assert 13.9 < max(delays) <= 14
    low, high = interval([(delay - 10) ** 2 for delay in delays])
    assert low <= 4**2 / 3 <= high
    close = [made.send(PACKETS * gap_ns + n * US_NS, 100, 1) for n in range(1000)]
    assert close == sorted(close)


def test_a_jitter_above_the_delay_sends_nothing_back_in_time() -> None:
    made = line(Shape(delay_ns=MS_NS, jitter_ns=5 * MS_NS))
    assert min(made.send(n * 20 * MS_NS, 100, 1) - n * 20 * MS_NS for n in range(1000)) == 0


def test_reordered_packets_skip_the_delay_in_the_share_that_was_asked() -> None:
    made = line(Shape(delay_ns=10 * MS_NS, reorder_ratio=0.25))
    early = [float(made.send(n * MS_NS, 100, 1) == n * MS_NS) for n in range(PACKETS)]
    low, high = interval(early)
    assert low <= 0.25 <= high
    assert high - low < 0.05


def test_packets_are_doubled_in_the_share_that_was_asked() -> None:
    made = line(Shape(duplicate_ratio=0.1))
    doubled = []
    for number in range(PACKETS // 10):
        made.send(number, 1000, 10)
        assert made.passed == 10
        doubled.append(made.extra / 10)
    low, high = interval(doubled)
    assert low <= 0.1 <= high
    assert high - low < 0.05


# ---- cables


def test_a_pulled_cable_passes_nothing_and_a_restored_one_everything() -> None:
    port = Port("node", stream(1, "port"), Queueing())
    port.shape(Shape(cut=True))
    assert (port.cut, port.outward.send(0, 100, 3), port.outward.passed, port.outward.lost) == (True, 0, 0, 3)
    port.shape(Shape(cut=False))
    port.outward.send(0, 100, 3)
    assert (port.cut, port.outward.passed) == (False, 3)


def test_trouble_is_on_what_a_node_sends_and_the_rate_on_both_ways() -> None:
    port = Port("node", stream(1, "port"), Queueing())
    port.shape(Shape(rate_bps=RATE_BPS, delay_ns=MS_NS, loss_ratio=1.0))
    assert port.outward.send(0, MEAN_BYTES, 1) == 0
    assert port.inward.send(0, MEAN_BYTES, 1) == SERVICE_NS


def test_a_flawless_port_only_delays_and_queues() -> None:
    port = Port("node", stream(1, "port"), Queueing())
    port.shape(Shape(rate_bps=RATE_BPS, delay_ns=MS_NS, jitter_ns=MS_NS, loss_ratio=0.9, duplicate_ratio=0.5))
    port.make_flawless()
    sent = [port.outward.send(n * MS_NS, MEAN_BYTES, 1) - n * MS_NS for n in range(100)]
    assert set(sent) == {SERVICE_NS + MS_NS}


def test_a_shared_port_serves_trains_in_the_order_they_end_at_it() -> None:
    """What already took time on a line before this one does not take it again, as a cable follows a cable."""
    made = line(Shape(rate_bps=RATE_BPS))
    assert made.send(10 * SERVICE_NS, 5 * MEAN_BYTES, 5, spent_ns=5 * SERVICE_NS) == 10 * SERVICE_NS
    assert made.send(10 * SERVICE_NS, 5 * MEAN_BYTES, 5, spent_ns=5 * SERVICE_NS) == 15 * SERVICE_NS
