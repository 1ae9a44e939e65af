"""Bursts on a listening socket's queue: rates by hand, and the steps that retries make of them."""

from __future__ import annotations

import pytest

from controller.studies.epoll2006.bursts import BACKLOGS, SPREADS_S, queues, rate


def test_a_server_that_keeps_up_is_as_fast_as_its_client() -> None:
    assert rate(100e-6, 1024, 1.0) == pytest.approx(3000, rel=0.01), "30 000 in ten seconds"


def test_what_was_lost_comes_again_and_the_rate_is_that_of_the_last_retry() -> None:
    """At 400 us 2500 a second are served. What finds the queue full in the last second comes again at 12 s, 9 s after the
    tenth burst began, and what is lost then at 18 s."""
    assert rate(400e-6, 1024, 1.0) == pytest.approx(30_000 / 16, rel=0.01)
    assert rate(400e-6, 10**6, 1.0) == pytest.approx(2500, rel=0.01), "a queue without a limit loses nothing"


def test_a_rate_moves_in_steps_and_not_with_the_work() -> None:
    found = queues((1600, 1700, 1800))
    assert [(queue.backlog, queue.spread_s) for queue in found] == [(b, s) for b in BACKLOGS for s in SPREADS_S]
    for queue in found:
        assert queue.ratio > 1.35, "10 us less work, where a retry is just not needed any more"
        assert queue.unmoved_us >= 80, "and elsewhere 80 us less change nothing"
