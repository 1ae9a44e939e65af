"""Each promise is found broken where it is, and holds where it does."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs
from smallworlds import small

from controller.experiment.scenario import Scenario
from controller.simulated.simulate import Outcome, judged
from controller.studies.torture import holds
from controller.studies.torture.holds import Broken, examine, proofs_hold, verdict_honest
from nodes.machine.pages import PagePool

LIVING = {"policy": "memalloc", "phases.flood": "500 ms"}


@pytest.fixture(scope="module")
def hung() -> Outcome:
    return holds.simulated(small({"phases.heal": "500 ms"}), brief=True)


@pytest.fixture(scope="module")
def living() -> Outcome:
    return holds.simulated(small(LIVING), brief=True)


def test_all_holds_of_an_honest_simulator() -> None:
    assert examine(small({**LIVING, "phases.flood": "300 ms"})).verdict in ("healthy", "slow", "starved")


def broken(promise: str, call: Any) -> str:
    with pytest.raises(Broken) as caught:
        call()
    assert caught.value.promise == promise
    return caught.value.told


@pytest.mark.parametrize(("fixture", "lie"), [("hung", "healthy"), ("living", "deadlocked")])
def test_a_lie_about_the_living_or_the_standing_is_found(
    request: pytest.FixtureRequest, fixture: str, lie: Any
) -> None:
    outcome = request.getfixturevalue(fixture)
    truth = judged(outcome)
    verdict_honest(outcome, truth)
    false = structs.replace(truth, nodes=tuple(structs.replace(node, verdict=lie) for node in truth.nodes))
    assert f"initiator-1 is {lie}" in broken("verdict honest", lambda: verdict_honest(outcome, false))


def test_an_inconclusive_verdict_says_what_to_do(living: Outcome) -> None:
    nothing = structs.replace(judged(living), verdict="inconclusive", nodes=(), next_step="")
    assert "without a next step" in broken("verdict honest", lambda: verdict_honest(living, nothing))


def test_a_proof_of_a_hang_that_was_none_is_found(hung: Outcome, living: Outcome) -> None:
    assert hung.proofs
    proofs_hold(hung, judged(hung))
    false = structs.replace(living, proofs={"initiator-1": next(iter(hung.proofs.values()))})
    assert "and moved" in broken("proofs hold", lambda: proofs_hold(false, judged(living)))


def test_a_page_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = PagePool.take

    def leaky(self: PagePool, floor_pages: int) -> bool:
        taken = real(self, floor_pages)
        if taken and self.free == 700:
            self.free -= 1
        return taken

    monkeypatch.setattr(PagePool, "take", leaky)
    assert "pages_conserved" in broken("invariant", lambda: holds.simulated(small(LIVING), brief=True))


def test_a_run_that_depends_on_its_name_is_found(monkeypatch: pytest.MonkeyPatch, living: Outcome) -> None:
    other = structs.replace(living, samples=living.samples[:-1])
    monkeypatch.setattr(holds, "simulated", lambda scenario, brief=False: other)
    broken("same again", lambda: holds.same_under_another_name(small(LIVING), living))


def test_a_brief_run_that_ends_otherwise_is_found(
    monkeypatch: pytest.MonkeyPatch, hung: Outcome, living: Outcome
) -> None:
    def hangs(scenario: Scenario, *, brief: bool) -> Outcome:
        return hung

    monkeypatch.setattr(holds, "simulated", hangs)
    told = broken("brief is full", lambda: holds.brief_is_full(small(LIVING), judged(living)))
    assert "deadlocked" in told


def test_what_an_earlier_policy_let_in_is_no_fault_of_the_next() -> None:
    """Under iface strangers get marked packets, which ideal never lets in: they still lie there when it is back."""
    small_reserve = {
        "policy": "ideal",
        "nodes.initiator.min_free": "128 KiB",
        "phases.flood": "1 s",
        "phases.heal": "500 ms",
    }
    holds.simulated(small(small_reserve, "[{kind: policy, at: 100 ms, duration: 300 ms, policy: iface}]"))
