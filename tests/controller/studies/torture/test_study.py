"""A session: counted, told, and what breaks is made small."""

from __future__ import annotations

from typing import Any

import pytest
from smallworlds import small

from controller.experiment.scenario import Scenario
from controller.studies.torture import study
from controller.studies.torture.holds import Broken
from controller.studies.torture.study import Examined, examined, shrunk, torture
from controller.studies.workers import Workers
from nodes.errors import UsageError


class Judged:
    verdict = "healthy"


def promise(scenario: Scenario) -> Any:
    """Broken by every experiment with a flood of TCP."""
    if any(flood.kind == "tcp" for flood in scenario.floods):
        raise Broken("no streams", f"{scenario.name} has one")
    if scenario.name.endswith("-3"):
        raise UsageError("it cannot be")
    if scenario.name.endswith("-5"):
        raise KeyError("page")
    return Judged()


def world(seed: int, number: int) -> Scenario:
    floods = "tcp" if number in (2, 6) else "udp"
    return small({"name": f"torture-{seed}-{number}", "floods.0.kind": floods, "nodes.initiator.tasks": 9})


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "examine", promise)
    monkeypatch.setattr(study, "drawn", world)


def test_a_session_counts_and_tells_all() -> None:
    heard: list[tuple[int, str, int]] = []
    with Workers(1) as workers:
        done = torture(
            4, workers, lambda count: count < 8, lambda found, count: heard.append((found.number, found.promise, count))
        )
    assert done.experiments == 8 and done.verdicts == {"healthy": 4, "broken": 3, "refused": 1}
    assert [(found.number, found.promise) for found in done.broken] == [
        (2, "no streams"),
        (5, "no crash"),
        (6, "no streams"),
    ]
    assert done.broken[1].told == "KeyError: 'page'"
    assert heard[2] == (2, "no streams", 3)


def test_what_broke_can_be_seen_again_and_is_made_small() -> None:
    found = examined((4, 2))
    assert found.replay == "netreserve torture --seed 4 --only 2"
    least = shrunk(found)
    assert least.floods[0].kind == "tcp", "still breaks it"
    assert least.nodes.initiator.tasks == 1, "nothing else is left of it"
    assert least.nodes.initiator.memory_pages < world(4, 2).nodes.initiator.memory_pages


def test_a_fault_of_ours_is_made_small_too() -> None:
    least = shrunk(Examined(seed=4, number=5, promise="no crash", told="KeyError: 'page'"))
    assert least.phases.flood_ns < world(4, 5).phases.flood_ns
