"""How long a matrix takes: from what was measured, where there is any."""

from __future__ import annotations

import pytest

from controller.studies.kernels.model import Key, Place, Trial
from controller.studies.kernels.pace import OVERHEAD_S, Pace, lasting


def key(scenario: str = "s", tier: str = "kernel", repeat: int = 0) -> Key:
    return Key(Place(scenario, "trixie", "e1000e", "none"), repeat, "d", tier)


def trial(of: Key, took_s: float) -> Trial:
    return Trial(key=of, verdict="healthy", took_s=took_s)


def test_trials_of_the_same_scenario_and_tier_tell() -> None:
    pace = Pace([trial(key(), 40), trial(key(), 60), trial(key(tier="sim"), 1), trial(key(), 0)], {"s": 25, "t": 25})
    assert pace.left_s([key(), key(repeat=1)]) == 100 and pace.measured([key()])
    assert pace.left_s([key(), key("t")]) == 50 + 25 + OVERHEAD_S and not pace.measured([key(), key("t")])


def test_nothing_is_said_of_what_nothing_is_known_of() -> None:
    pace = Pace([], {})
    assert pace.left_s([key()]) is None and pace.left_s([]) == 0
    pace.add(trial(key(), 10))
    assert pace.left_s([key()]) == 10


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "0 s"), (59, "59 s"), (90, "2 min"), (3600, "1 h 0 min"), (11_100, "3 h 5 min")]
)
def test_a_time_for_a_person(seconds: float, told: str) -> None:
    assert lasting(seconds) == told
