"""A simulated run: the same every time, whole or brief, from the start or from a copy of its warmup."""

from __future__ import annotations

import pickle
from itertools import product

import pytest
from smallworlds import recorded, small

from controller.experiment.plan import plan
from controller.experiment.scenario import Scenario
from controller.simulated.simulate import Simulation, beginning, judged, simulate, simulate_many
from nodes.errors import UsageError

CUT = "[{kind: cut, node: initiator, at: 500 ms, duration: 800 ms}]"
RATES = ("2 kpps", "40 kpps")


def swept() -> list[Scenario]:
    """Scenarios that share two warmups, in an order that mixes them."""
    both = product(RATES, ("none", "memalloc"))
    plain = [small({"policy": policy, "floods.0.rate": rate}) for rate, policy in both]
    return [*plain, small(faults=CUT), small({"floods.0.size": "200 B"}), small({"floods.0.duration": "500 ms"})]


@pytest.fixture(scope="module")
def whole() -> dict[str, str]:
    return {policy: judged(simulate(small({"policy": policy}))).verdict for policy in ("none", "memalloc+slab")}


def test_the_flood_hangs_a_machine_without_a_policy_and_not_one_with(whole: dict[str, str]) -> None:
    assert whole == {"none": "deadlocked", "memalloc+slab": "healthy"}


@pytest.mark.parametrize("policy", ["none", "memalloc+slab"])
def test_the_same_scenario_and_seed_give_the_same_bytes(policy: str) -> None:
    scenario = small({"policy": policy})
    assert recorded(simulate(scenario)) == recorded(simulate(scenario))


def test_another_seed_gives_another_run() -> None:
    one, other = (simulate(small({"seed": seed, "links.data.loss": "1 %"}), brief=True) for seed in (7, 8))
    assert [sample.free_pages for sample in one.samples] != [sample.free_pages for sample in other.samples]


def test_many_give_what_each_alone_gives() -> None:
    scenarios = swept()
    assert [recorded(outcome) for outcome in simulate_many(scenarios)] == [
        recorded(simulate(scenario, brief=True)) for scenario in scenarios
    ]


def test_many_whole_runs_too() -> None:
    scenarios = [small({"floods.0.rate": rate}) for rate in RATES]
    assert [recorded(outcome) for outcome in simulate_many(scenarios, brief=False)] == [
        recorded(simulate(scenario)) for scenario in scenarios
    ]


def test_only_what_is_alike_until_the_flood_is_warmed_up_together(monkeypatch: pytest.MonkeyPatch) -> None:
    warmed = []
    warm_up = Simulation.warm_up
    monkeypatch.setattr(
        Simulation, "warm_up", lambda self: (warmed.append(self.work.scenario.policy.name), warm_up(self))
    )
    assert len(list(simulate_many(swept()))) == 7
    assert warmed == ["none", "memalloc"]


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": "memalloc"},
        {"nodes.initiator.min_free": "600 KiB"},
        {"links.data.delay": "300 us"},
        {"links.queueing.queue": 50},
        {"phases.warmup": "4 s"},
        {"floods.0.reader": "fast"},
        {"floods.0.sockets": 3},
    ],
    ids=str,
)
def test_what_differs_before_the_flood_is_not_shared(changes: dict[str, object]) -> None:
    assert beginning(plan(small(changes))) != beginning(plan(small()))


@pytest.mark.parametrize(
    ("changes", "warmups"),
    [
        ({}, 1),
        ({"links.data.loss": "1 %"}, 3),
        ({"nodes.target.latency": "1 ms", "nodes.target.latency_spread": "exponential"}, 3),
    ],
    ids=["fixed", "lossy", "slow disk"],
)
def test_seeds_share_a_warmup_that_chance_had_no_part_in(
    changes: dict[str, object], warmups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenarios = [small(changes | {"seed": seed}) for seed in (7, 8, 7, 9)]
    alone = [recorded(simulate(scenario, brief=True)) for scenario in scenarios]
    warmed, warm_up = [], Simulation.warm_up
    monkeypatch.setattr(Simulation, "warm_up", lambda self: (warmed.append(self.work.scenario.seed), warm_up(self)))
    assert [recorded(outcome) for outcome in simulate_many(scenarios)] == alone
    assert len(warmed) == warmups


def test_a_run_knows_whether_chance_had_a_part_in_it() -> None:
    assert simulate(small(), brief=True).drawn, "a flood begins at a moment that the seed decides"
    assert not simulate(small({"floods.0": None}), brief=True).drawn
    assert simulate(small({"floods.0": None, "links.data.loss": "1 %"}), brief=True).drawn


def test_a_copy_in_the_middle_of_the_flood_goes_on_alike() -> None:
    scenario = small({"links.data.loss": "1 %"})
    run = Simulation(scenario)
    run.warm_up()
    run.flood()
    copy = pickle.loads(pickle.dumps(run))
    for one in (run, copy):
        one.heal()
    assert recorded(run.outcome()) == recorded(copy.outcome()) == recorded(simulate(scenario))


def test_time_is_told_as_it_passes() -> None:
    told: list[tuple[int, int]] = []
    simulate(small(), heard=lambda done_ns, total_ns: told.append((done_ns, total_ns)))
    times, totals = zip(*told, strict=True)
    assert list(times) == sorted(set(times))
    assert set(totals) == {6_000_000_000}


def test_a_machine_that_cannot_be_is_an_error_for_people() -> None:
    with pytest.raises(UsageError, match="min"):
        simulate(small({"nodes.initiator.min_free": "6 MiB"}))


# ---- the flood in force


def test_a_flood_that_was_sent_as_asked_voids_nothing() -> None:
    outcome = simulate(small())
    assert outcome.result.metrics["flood.asked_pps"] == 40_000
    assert 0.95 * 80_000 <= outcome.result.metrics["flood_sent_packets"] <= 80_000
    assert not outcome.result.notes
    assert not [event for event in outcome.events if event.kind == "harness"]


def test_a_flood_that_was_never_sent_proves_nothing() -> None:
    """One packet in the whole flood is asked for, and it begins late."""
    outcome = simulate(small({"policy": "memalloc", "floods.0.rate": "1 pps", "floods.0.duration": "1 s"}))
    assert judged(outcome).verdict == "inconclusive"
    assert "the flood was not in force: 0% of the udp flood was sent to initiator-1: 0 of 1 packets" in (
        judged(outcome).sentence
    )
