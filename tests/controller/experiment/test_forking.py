"""A fork is the same run until its moment, byte for byte, and another one after it."""

from __future__ import annotations

import msgspec
import pytest
from smallscenario import SMALL

from controller.experiment.forking import Change, forked
from controller.experiment.scenario import Scenario, parse
from controller.simulated.simulate import Outcome, simulate
from nodes.errors import UsageError
from nodes.eventkinds import FloodStop, PolicySet

SECOND = 1_000_000_000
T_NS = 4_350_000_000
"""In the flood, between two samples."""


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return parse(SMALL)


@pytest.fixture(scope="module")
def whole(scenario: Scenario) -> Outcome:
    return simulate(scenario)


def before(outcome: Outcome, t_ns: int) -> bytes:
    """All that it said before a moment, to the byte. When a planned flood will stop is told beforehand."""
    samples = [sample for sample in outcome.samples if sample.t_ns < t_ns]
    events = [event for event in outcome.events if event.t_ns < t_ns]
    assert len(samples) > 80 and len(events) > 1
    return msgspec.json.encode((samples, events))


@pytest.mark.parametrize("change", [{"policy": "memalloc"}, {"flood": "stop"}, {"min_free": "2 MiB"}])
def test_it_is_the_same_until_then_and_another_from_then_on(
    scenario: Scenario, whole: Outcome, change: dict[str, str]
) -> None:
    branch = simulate(forked(scenario, Change(t_ns=T_NS, **change)))
    assert before(branch, T_NS) == before(whole, T_NS)
    assert branch.samples != whole.samples


def test_each_change_comes_about_at_its_moment(scenario: Scenario) -> None:
    switched = simulate(forked(scenario, Change(t_ns=T_NS, policy="memalloc")), brief=True)
    assert [event.t_ns for event in switched.events if isinstance(event.detail, PolicySet)] == [T_NS]
    stopped = simulate(forked(scenario, Change(t_ns=T_NS, flood="stop")), brief=True)
    assert [event.t_ns for event in stopped.events if isinstance(event.detail, FloodStop)] == [T_NS]
    raised = simulate(forked(scenario, Change(t_ns=T_NS, min_free="2 MiB")), brief=True)
    marks = {sample.min_pages for sample in raised.samples if sample.node == "initiator-1" and sample.t_ns > T_NS}
    assert marks == {512}


def test_a_fork_can_be_forked(scenario: Scenario) -> None:
    once = forked(scenario, Change(t_ns=T_NS, policy="memalloc"))
    twice = forked(once, Change(t_ns=5 * SECOND, flood="stop"))
    assert before(simulate(twice, brief=True), 5 * SECOND) == before(simulate(once, brief=True), 5 * SECOND)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"t_ns": T_NS}, "changes one thing"),
        ({"t_ns": T_NS, "policy": "none", "flood": "stop"}, "policy and flood"),
        ({"t_ns": 3 * SECOND, "policy": "memalloc"}, "from its flood phase on, between 4 s and 8 s"),
        ({"t_ns": 8 * SECOND, "policy": "memalloc"}, "not at 8 s"),
        ({"t_ns": T_NS, "policy": "memaloc"}, "memalloc"),
        ({"t_ns": T_NS, "flood": "start"}, "'stop' is possible"),
        ({"t_ns": 7 * SECOND, "flood": "stop"}, "no flood goes on at 7 s"),
        ({"t_ns": T_NS, "min_free": "16"}, "16"),
        ({"t_ns": T_NS, "min_free": "64 MiB"}, "min"),
    ],
)
def test_what_cannot_be_is_told(scenario: Scenario, change: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        forked(scenario, msgspec.convert(change, Change))
