"""The disk: a queue at its rate with a latency on top; errors in the share that was asked."""

from __future__ import annotations

import pytest
from queueingmodels import disk, interval

from nodes.config import TargetSpec
from nodes.sim.streams import stream
from nodes.sim.target import Disk
from nodes.units import MS_NS, PAGE_BYTES, SECOND_NS

RATE_BPS = PAGE_BYTES * 8 * 1000
"""A page takes a millisecond."""


def made(**spec: object) -> Disk:
    found = Disk(stream(1, "disk"))
    found.spec = TargetSpec(**spec)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_random_requests_wait_as_in_m_d_1(load: float) -> None:
    found = disk(load, 40_000)
    assert found.agrees, found
    assert found.half_width < 0.2


def test_the_rate_is_shared_and_the_latency_is_not() -> None:
    """As with nbdkit: its rate filter is one for all, its delay filter waits in a thread for each request."""
    one = made(rate_bps=RATE_BPS, latency_ns=50 * MS_NS)
    assert [one.done_ns(0, 1) for _ in range(3)] == [51 * MS_NS, 52 * MS_NS, 53 * MS_NS]
    assert one.done_ns(SECOND_NS, 4) == SECOND_NS + 54 * MS_NS


def test_without_a_rate_only_the_latency_counts() -> None:
    one = made(latency_ns=MS_NS)
    assert {one.done_ns(5, 32) for _ in range(3)} == {5 + MS_NS}


def test_errors_come_in_the_share_that_was_asked() -> None:
    one = made(error_ratio=0.1)
    low, high = interval([float(one.fails()) for _ in range(20_000)])
    assert low <= 0.1 <= high
    assert high - low < 0.05


def test_a_good_disk_never_fails() -> None:
    assert not any(made().fails() for _ in range(1000))
