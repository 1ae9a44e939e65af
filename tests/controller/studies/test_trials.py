"""Trials: what a simulated run comes down to."""

from __future__ import annotations

from tinyscenario import tiny

from controller.studies.trials import cycle_text, shape_of, try_out
from nodes.eventkinds import Wait


def edge(waiter: str, resource: str, have: int = 0) -> Wait:
    return Wait(waiter=waiter, resource=resource, need=1, have=have, who_frees="", why="")


def test_a_cycle_is_the_same_wherever_it_begins() -> None:
    a, b, c = edge("kswapd", "writes"), edge("reply", "buffers"), edge("refill", "pages")
    assert shape_of([a, b, c]) == shape_of([c, a, b]) == shape_of([b, c, edge("kswapd", "writes", have=7)])
    assert shape_of([a, b, c]) != shape_of([a, c, b])
    assert shape_of([]) == ()


def test_a_cycle_is_told_in_one_line() -> None:
    cycle = (("kswapd", "writes answered"), ("storage reply", "receive buffers"))
    assert cycle_text(cycle) == (
        "kswapd (waits for writes answered) -> storage reply (waits for receive buffers) -> kswapd"
    )


def test_a_trial_is_what_the_simulator_shows() -> None:
    trial = try_out(tiny(seed=3))
    assert trial.verdict == "deadlocked" and not trial.survived and trial.seed == 3
    assert ("storage reply", "receive buffers") in trial.cycle
    assert trial.peaks["ring_free_slots"] == 256 and trial.peaks["junk_held_bytes"] > 1 << 20
    assert trial == try_out(tiny(seed=3))
