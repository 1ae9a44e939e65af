"""When a stall is told, how often, and its end."""

from __future__ import annotations

import dataclasses

from nodes.config import MachineConfig, PolicySpec
from nodes.eventkinds import Recovered, Stalled, Wait
from nodes.machine.events import Stats
from nodes.machine.machine import Machine
from nodes.machine.watch import StallWatch
from nodes.units import MS_NS, SECOND_NS

EDGE = Wait("application", "free pages", 65, 3, "kswapd", "a task needs a page")


def stats(age_ns: int) -> Stats:
    machine = Machine(MachineConfig(), PolicySpec(name="none"), 0)
    return dataclasses.replace(machine.stats(0), progress_age_ns=age_ns)


def told(ages_ms: list[int]) -> list[tuple[int, Stalled | Recovered]]:
    """What is told for progress ages seen every 100 ms, with the index of the observation."""
    watch, events = StallWatch(), []
    for at, age in enumerate(ages_ms):
        observed = watch.observe(stats(age * MS_NS), at * 100 * MS_NS, lambda: (EDGE,), lambda: ())
        events += [(at, detail) for detail in observed]
    return events


def test_a_machine_that_gets_on_is_silent() -> None:
    assert told([0, 900, 0, 1000, 10]) == []


def test_a_stall_is_told_at_once_with_its_graph_and_again_every_two_seconds() -> None:
    events = told([100 * step for step in range(56)])
    assert [(at, detail.kind) for at, detail in events] == [(11, "stall"), (31, "stall"), (51, "stall")]
    assert events[0][1] == Stalled(stalled_ns=1100 * MS_NS, waits=(EDGE,), cycle=())


def test_recovery_is_told_once_with_the_time_it_took() -> None:
    events = told([1500, 2500, 3500, 20, 30, 1200])
    assert [(at, detail.kind) for at, detail in events] == [(0, "stall"), (3, "recovered"), (5, "stall")]
    assert events[1][1] == Recovered(stalled_ns=round(3.5 * SECOND_NS))
