"""What `netreserve run` says before a run, and after one that did not survive: what this machine can send, and what would
save the machine that was tried."""

from __future__ import annotations

import contextlib
import time

from controller.cli.console import say
from controller.experiment.record import Result
from controller.experiment.scenario import Scenario
from controller.experiment.scenario.policies import read_policy
from controller.experiment.verdicts import SURVIVED, VERDICTS
from controller.here.capacity import asked_pps, measure
from controller.studies.advice import advice
from controller.studies.trials import try_out
from nodes.kernel import kvm
from nodes.units import format_pps

TIME_S = 6.0
"""For trying things out after a run (own): a person waits for the report about as long."""


class OutOfTimeError(Exception):
    """The next thing to try would take too long."""


def say_beforehand(scenario: Scenario) -> None:
    """Whether this machine can send the junk that `scenario` asks of containers or kernels, as it is just now."""
    asked = asked_pps(scenario.floods)
    if not asked:
        return
    found = measure()
    emulated = scenario.tier == "kernel" and kvm.speed() != "hardware"
    possible = found.emulated_pps if emulated else found.rate_pps
    if possible < asked:
        say(
            f"{scenario.name} asks for {format_pps(asked)} of junk, and about {format_pps(possible)} can be sent and judged"
            " here now, so the run may prove nothing: stop other programs, or ask for less, for example"
            f" --set 'floods.0.rate={format_pps(max(possible // 2, 1))}'"
        )


def say_what_saves(result: Result, scenario: Scenario, *, as_written: bool) -> None:
    """After a machine that hung: which policy, and which reserve, lets it live through the same. Known from the arms of a
    scenario that was run `as_written` but for its policy and seed, or else simulated, for at most TIME_S."""
    if VERDICTS[result.verdict].kind != "hung":
        return
    known = [f"--policy {policy}" for policy in _good(scenario)] if as_written else []
    if found := known or _tried(scenario):
        say(f"what lives through the same: {', or '.join(found)}")


def _good(scenario: Scenario) -> list[str]:
    """The policies of its arms that survive, without the one that was run: it has just shown that it does not."""
    good = (arm.policy for arm in scenario.arms.values() if SURVIVED.issuperset(arm.verdict))
    return [policy for policy in good if read_policy(policy) != scenario.policy]


def _tried(scenario: Scenario) -> list[str]:
    deadline_s = time.monotonic() + TIME_S

    def survives(changed: Scenario) -> bool:
        if time.monotonic() > deadline_s:
            raise OutOfTimeError
        return try_out(changed).survived

    found: list[str] = []
    with contextlib.suppress(OutOfTimeError):
        found.extend(f"{words} (simulated once)" for words in advice(scenario, survives))
    return found
