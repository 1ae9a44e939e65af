from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from controller.cli import foresight
from controller.cli.foresight import say_beforehand, say_what_saves
from controller.cli.main import carry_out
from controller.experiment.record import Result
from controller.experiment.scenario import Scenario, load
from controller.experiment.verdicts import VerdictName
from controller.here.capacity import Capacity

CLASSIC = load(Path(__file__).resolve().parents[3] / "scenarios" / "classic.yaml")


def able(rate_pps: int) -> Capacity:
    return Capacity(send_s=1 / (2 * rate_pps), judge_s=1 / (2 * rate_pps), processors=1)


def ended(verdict: VerdictName) -> Result:
    return Result(run="any", scenario="classic", verdict=verdict)


def test_a_machine_that_can_send_what_is_asked_is_not_spoken_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(foresight, "measure", lambda: able(20_000))
    say_beforehand(CLASSIC)
    assert capsys.readouterr().err == ""


def test_a_busy_machine_is_told_of_with_both_rates_and_what_to_ask_instead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(foresight, "measure", lambda: able(9000))
    say_beforehand(CLASSIC)
    told = capsys.readouterr().err
    assert "asks for 20 kpps" in told and "about 9 kpps" in told and "--set 'floods.0.rate=4.5 kpps'" in told


def test_without_junk_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(foresight, "measure")
    say_beforehand(structs.replace(CLASSIC, floods=()))


def test_the_good_arm_of_a_scenario_as_written_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    say_what_saves(ended("deadlocked"), CLASSIC.with_policy("none"), as_written=True)
    assert f"what lives through the same: --policy {CLASSIC.arms['good'].policy}" in capsys.readouterr().err


def test_a_good_arm_that_hung_is_not_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(foresight, "advice", lambda scenario, survives: ["--policy ideal"])
    say_what_saves(ended("deadlocked"), CLASSIC.with_policy(CLASSIC.arms["good"].policy), as_written=True)
    assert capsys.readouterr().err == "what lives through the same: --policy ideal (simulated once)\n"


@pytest.mark.parametrize(
    ("words", "as_written"),
    [
        ((), True),
        (("--policy", "none", "--seed", "7"), True),
        (("--set", "seed=7"), True),
        (("--set", "phases.heal=31 s"), False),
        (("--policy", "none", "--set", "nodes.initiator.min_free=1000K"), False),
    ],
)
def test_a_run_says_whether_its_arms_still_hold(
    words: tuple[str, ...], as_written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(foresight, "say_what_saves", lambda result, scenario, *, as_written: told.append(as_written))
    carry_out(["run", "scenarios/classic.yaml", "--runs", str(tmp_path / "runs"), *words])
    assert told == [as_written]


def test_of_one_that_was_changed_it_is_tried_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Trial:
        def __init__(self, scenario: Scenario) -> None:
            self.survived = scenario.policy.name == "mainline"

    monkeypatch.setattr(foresight, "try_out", Trial)
    say_what_saves(ended("starved"), CLASSIC.with_policy("none"), as_written=False)
    assert "--policy mainline (simulated once)\n" in capsys.readouterr().err.replace("+slab", "")


def test_no_time_is_no_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(foresight, "TIME_S", -1.0)
    say_what_saves(ended("deadlocked"), CLASSIC.with_policy("none"), as_written=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("verdict", ["healthy", "slow", "inconclusive", "oom"])
def test_who_did_not_hang_needs_no_saving(verdict: VerdictName, capsys: pytest.CaptureFixture[str]) -> None:
    say_what_saves(ended(verdict), CLASSIC, as_written=True)
    assert capsys.readouterr().err == ""
