from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from controller.cli import foresight
from controller.cli.foresight import say_beforehand, say_what_saves
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
    say_what_saves(ended("deadlocked"), CLASSIC, as_written=True)
    assert f"what lives through the same: --policy {CLASSIC.arms['good'].policy}" in capsys.readouterr().err


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
