"""The next step is a sentence with figures and a command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from controller.experiment import nextstep
from controller.experiment.scenario import load
from controller.experiment.scenario.vary import assignments, vary
from nodes.units import SECOND_NS

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"
CLASSIC, CABLE_PULL = load(SCENARIOS / "classic.yaml"), load(SCENARIOS / "cable-pull.yaml")

STEPS = {
    **{name: text for name, text in vars(nextstep).items() if name.isupper() and isinstance(text, str)},
    "longer_warmup": nextstep.longer_warmup(5 * SECOND_NS),
    "longer_heal": nextstep.longer_heal(31 * SECOND_NS),
    "longer_flood": nextstep.longer_flood(20 * SECOND_NS),
    "weaker_flood": nextstep.weaker_flood(9_012.7, floods=1),
    "nothing_sent": nextstep.weaker_flood(0.4, floods=1),
    "look_at_waits": nextstep.look_at_waits("initiator-1"),
}


@pytest.mark.parametrize("name", STEPS)
def test_each_names_a_command(name: str) -> None:
    assert "`netreserve " in STEPS[name]


@pytest.mark.parametrize("name", STEPS)
def test_each_setting_of_a_command_can_be_set(name: str) -> None:
    """With the value that it names, or with any of its kind where the person has to choose."""
    choices = {"RATE": "9 kpps", "SIZE": "70 MiB", "TIME": "7 s"}
    for command in re.findall(r"`(netreserve run [^`]*)`", STEPS[name]):
        words = shlex.split(command)
        assert words[:3] == ["netreserve", "run", "SCENARIO"] and set(words[3::2]) <= {"--set"}
        settings = assignments(words[4::2])
        scenario = CABLE_PULL if any(key.startswith("faults.") for key in settings) else CLASSIC
        vary(scenario, {key: choices.get(str(value), value) for key, value in settings.items()})


def test_of_several_floods_the_person_says_which() -> None:
    assert "--set 'floods.0.rate=9.01 kpps'" in STEPS["weaker_flood"]
    assert "--set 'floods.N.rate=9.01 kpps'" in nextstep.weaker_flood(9_012.7, floods=2)


def test_figures_are_those_that_would_do() -> None:
    assert "from 5 s to 10 s: `netreserve run SCENARIO --set 'phases.warmup=10 s'`" in STEPS["longer_warmup"]
    assert "to 40 s: `netreserve run SCENARIO --set 'phases.flood=40 s'`" in STEPS["longer_flood"]
    assert "`netreserve run SCENARIO --set 'phases.heal=35 s'`" in STEPS["longer_heal"]
    assert "`phases.heal` to 35 s" in nextstep.longer_heal(30 * SECOND_NS + 1)
    assert "`phases.heal` to 30 s" in nextstep.longer_heal(30 * SECOND_NS)


@pytest.mark.parametrize(
    ("harness", "exit_code", "command"),
    [(False, 2, "validate"), (False, 3, "doctor"), (True, 3, "doctor"), (True, 0, "doctor"), (False, 0, "ps")],
)
def test_a_void_without_a_step_of_its_own_leads_to_whoever_knows_more(
    harness: bool, exit_code: int, command: str
) -> None:
    assert f"`netreserve {command}" in nextstep.after_void(harness=harness, exit_code=exit_code)
