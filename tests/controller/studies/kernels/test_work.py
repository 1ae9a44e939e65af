"""One trial: the scenario it runs, and what is read from what it left."""

from __future__ import annotations

from pathlib import Path

import pytest
from scriptedchild import starter
from smallscenario import SMALL

from controller.experiment.record import Result, Setting
from controller.experiment.scenario import dump, parse
from controller.studies import child
from controller.studies.kernels import work
from controller.studies.kernels.model import Key, Place, Trial

SCENARIO = parse(SMALL)


def key(nic: str = "rtl8139", policy: str = "memalloc", tier: str = "sim", repeat: int = 0) -> Key:
    return Key(Place("small", "", nic, policy), repeat, "d", tier)


def carry_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str) -> Trial | child.Ended:
    monkeypatch.setattr(child, "STARTER", starter(tmp_path / "child", {"*": told}))
    file = tmp_path / "s.yaml"
    file.write_text(dump(work.scenario_of(SCENARIO, key())))
    return work.carry_out(file, key(repeat=2), 5, None, lambda message: None)


def test_card_policy_and_tier_are_put_into_the_scenario() -> None:
    changed = work.scenario_of(SCENARIO, key(tier="container", nic="e1000"))
    assert (changed.nodes.initiator.nic, changed.policy.name, changed.tier) == ("e1000", "memalloc", "container")


def test_what_cannot_be_is_known_without_a_run() -> None:
    assert work.refused(SCENARIO, key()) is None
    trial = work.refused(SCENARIO, key(policy="nope"))
    assert trial is not None and trial.verdict == "cannot" and "nope" in trial.sentence


def test_a_hang_is_kept_with_its_figures_drops_cycle_and_autopsy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = carry_out(tmp_path, monkeypatch, "deadlocked")
    assert isinstance(trial, Trial) and trial.key == key(repeat=2)
    assert (trial.verdict, trial.hang_s, trial.drops) == ("deadlocked", 0.4, {"no_buffer_drops": 300})
    assert [edge.waiter for edge in trial.edges] == ["kswapd", "the card"]
    assert trial.found == ("kswapd waits in bio_alloc",) and trial.folder.endswith("run-1")


def test_a_node_that_could_not_be_set_up_makes_a_place_that_cannot_be_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "refused 3: no driver for rtl8139 in cloud"
    trial = carry_out(tmp_path, monkeypatch, told)
    assert isinstance(trial, Trial)
    assert (trial.verdict, trial.sentence) == ("cannot", "no driver for rtl8139 in cloud")


def test_a_guest_that_was_not_ready_in_time_may_be_the_next_time() -> None:
    """Whatever its sentence says: what can never be stands in a field of its own."""
    sentence = (
        "Inconclusive: initiator-1 cannot be what was asked: the guest did not start: it was not ready after 60 s."
    )
    left = Result(run="r", scenario="small", sentence=sentence, exit_code=3)
    assert work.trial_of(key(), left, Path("nowhere")).verdict == "inconclusive"


def test_the_release_that_ran_is_kept() -> None:
    setting = Setting(node="initiator-1", name="kernel", in_force="6.12.57+deb13-amd64")
    trial = work.trial_of(key(), Result(run="r", scenario="small", settings=(setting,)), Path("nowhere"))
    assert trial.kernel == "6.12.57+deb13-amd64"


def test_no_pressure_is_no_such_thing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = carry_out(tmp_path, monkeypatch, "inconclusive: pressure was not reached")
    assert isinstance(trial, Trial) and trial.verdict == "inconclusive"


def test_where_there_was_no_run_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = carry_out(tmp_path, monkeypatch, "exit 3: no broker answers")
    assert isinstance(ended, child.Ended) and ended.error == "no broker answers"


def test_a_result_stands_without_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = carry_out(tmp_path, monkeypatch, "healthy")
    assert isinstance(trial, Trial)
    (Path(trial.folder) / "samples.csv").unlink()
    assert work._record(Path(trial.folder)) == ([], [])
