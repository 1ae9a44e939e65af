from __future__ import annotations

import pytest

from controller.here import capacity
from controller.here.capacity import Spent, asked_pps, capacity_of, measure
from nodes.errors import HarnessError
from nodes.floods import Flood
from nodes.units import SECOND_NS


def test_this_machine_is_measured() -> None:
    found = measure(seconds=0.2)
    assert 0 < found.send_s < 0.01 and 0 < found.judge_s < 0.01
    assert found.processors > 0 and found.rate_pps > 0


def test_senders_and_judge_share_the_processors_there_are() -> None:
    def rate(processors: float) -> int:
        wall_s, sender_s = 1.0, processors / 3
        each = round(sender_s * 100_000)  # 10 us a packet
        return capacity_of(Spent(each, sender_s, wall_s), [Spent(each, sender_s, wall_s)] * 2).rate_pps

    assert rate(2.0) == pytest.approx(2 * rate(1.0), rel=0.01)
    assert rate(0.5) == pytest.approx(0.5 / (2 * 10e-6 * capacity.DETOUR), rel=0.01)


def test_a_judge_has_one_processor_however_many_there_are() -> None:
    quick, slow = Spent(1_000_000, 1.0, 1.0), Spent(10_000, 1.0, 1.0)
    assert capacity_of(slow, [quick] * 2).rate_pps == pytest.approx(10_000 / capacity.DETOUR, rel=0.01)


def test_floods_at_the_same_time_are_added() -> None:
    video = Flood(kind="tcp", rate_pps=3000)
    logs = Flood(kind="udp", rate_pps=2000, start_ns=SECOND_NS, duration_ns=2 * SECOND_NS)
    later = Flood(kind="udp", rate_pps=4000, start_ns=3 * SECOND_NS)
    assert asked_pps([video, logs]) == 5000
    assert asked_pps([video, logs, later]) == 7000
    assert asked_pps([]) == 0


def test_a_process_that_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "_judge", print)  # takes what it is given, and ends
    with pytest.raises(HarnessError, match="a process ended"):
        measure(seconds=0.1)
