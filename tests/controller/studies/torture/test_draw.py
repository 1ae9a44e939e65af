"""What is drawn can be run, and is the same for the same seed and number."""

from __future__ import annotations

from controller.experiment.plan import plan
from controller.experiment.scenario import dump
from controller.studies.torture.draw import drawn


def test_the_same_seed_and_number_draw_the_same() -> None:
    assert dump(drawn(3, 7)) == dump(drawn(3, 7))
    assert dump(drawn(3, 7)) != dump(drawn(4, 7)) != dump(drawn(4, 8))


def test_what_is_drawn_differs_in_everything_that_matters_and_can_be_planned() -> None:
    scenarios = [drawn(1, number) for number in range(40)]
    for scenario in scenarios:
        plan(scenario)
    assert len({scenario.policy.name for scenario in scenarios}) > 4
    assert len({scenario.nodes.initiator.nic for scenario in scenarios}) > 4
    assert len({fault.kind for scenario in scenarios for fault in scenario.faults}) > 3
    assert {len(scenario.floods) for scenario in scenarios} >= {0, 1, 2}
    assert len({scenario.nodes.initiator.count for scenario in scenarios}) > 1
