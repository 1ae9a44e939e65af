"""A run is recorded, read back and run again: identical, or the first difference is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs
from tinyscenario import record, tiny

from controller.simulated.simulate import Outcome, simulate
from controller.store.recorded import Recorded, read_run
from controller.studies.replay import compared, describe, replay
from nodes.errors import HarnessError, InconclusiveError, UsageError


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return simulate(tiny(seed=3))


@pytest.fixture(scope="module")
def recorded(outcome: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return read_run(record(tmp_path_factory.mktemp("runs"), tiny(seed=3), outcome))


def test_a_simulated_run_is_identical(recorded: Recorded, outcome: Outcome) -> None:
    done = compared(recorded, outcome)
    assert done.same and done.before == done.after == "deadlocked"
    assert (done.events, done.samples) == (len(outcome.events), len(outcome.samples))
    assert describe(done) == f"identical: {done.events} events and {done.samples} samples, deadlocked"
    assert replay(recorded) == done


def test_the_first_difference_in_samples_is_named(recorded: Recorded, outcome: Outcome) -> None:
    samples = [*outcome.samples]
    samples[10] = structs.replace(samples[10], free_pages=12345)
    done = compared(recorded, structs.replace(outcome, samples=samples))
    assert not done.same
    assert describe(done).startswith("different: sample 11 (") and done.difference.endswith("is 12345")


def test_what_only_one_of_them_has_is_named(recorded: Recorded, outcome: Outcome) -> None:
    shorter = compared(recorded, structs.replace(outcome, events=outcome.events[:-1]))
    assert shorter.difference.endswith("only the record has it") and shorter.difference.startswith("event ")
    longer = compared(structs.replace(recorded, samples=recorded.samples[:-1]), outcome)
    assert longer.difference.endswith("only the replay has it")


def test_another_seed_differs(recorded: Recorded) -> None:
    assert not compared(recorded, simulate(tiny(seed=4, links__data__jitter="100 us"))).same


def test_a_run_on_containers_is_compared_by_its_verdict(recorded: Recorded, outcome: Outcome) -> None:
    contained = structs.replace(
        recorded, result=structs.replace(recorded.result, tier="container"), samples=[], events=[]
    )
    assert describe(compared(contained, outcome)) == "the same verdict, deadlocked"
    healthy = structs.replace(contained, result=structs.replace(contained.result, verdict="healthy", nodes=()))
    assert compared(healthy, outcome).difference.startswith("container says healthy, sim says deadlocked: Deadlock on")


def test_another_cycle_is_another_outcome(recorded: Recorded, outcome: Outcome) -> None:
    node = recorded.result.nodes[0]
    other = structs.replace(node, cycle=node.cycle[:1])
    contained = structs.replace(
        recorded, result=structs.replace(recorded.result, tier="container", nodes=(other,)), samples=[], events=[]
    )
    assert "the cycle is not: was kswapd" in compared(contained, outcome).difference


def test_policy_and_seed_are_those_of_the_run(recorded: Recorded) -> None:
    changed = structs.replace(recorded, result=structs.replace(recorded.result, policy="memalloc+srog", seed=9))
    scenario = changed.scenario()
    assert (scenario.policy.name, scenario.policy.allocator, scenario.seed) == ("memalloc", "srog", 9)


def test_an_interrupted_run_cannot_be_replayed(recorded: Recorded) -> None:
    with pytest.raises(InconclusiveError, match="was interrupted"):
        replay(structs.replace(recorded, result=structs.replace(recorded.result, exit_code=130)))


def test_a_run_by_hand_has_no_scenario(recorded: Recorded, tmp_path: Path) -> None:
    by_hand = structs.replace(recorded, folder=tmp_path, result=structs.replace(recorded.result, kind="adhoc"))
    with pytest.raises(UsageError, match="made by hand"):
        by_hand.scenario()


def test_a_scenario_that_is_gone_is_not_taken_for_a_run_by_hand(recorded: Recorded, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"scenario\.yaml: was it deleted\?"):
        structs.replace(recorded, folder=tmp_path).scenario()


def test_what_cannot_be_read_is_named(recorded: Recorded, tmp_path: Path) -> None:
    with pytest.raises(InconclusiveError, match=r"has no result\.json"):
        read_run(tmp_path)
    (tmp_path / "result.json").write_text((recorded.folder / "result.json").read_text())
    with pytest.raises(HarnessError, match=r"samples\.csv cannot be read"):
        read_run(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps({"run": 1}))
    with pytest.raises(HarnessError, match=r"result\.json cannot be read"):
        read_run(tmp_path)
