"""Scenarios of the gallery end on real containers as its arms say: the bad one fails, the others live.

`classic` has tests of its own (test_runs.py).
"""

from __future__ import annotations

import json
from subprocess import CompletedProcess
from typing import Any

import pytest
from composed import ROOT, netreserve

from controller.scenario import load

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900), pytest.mark.usefixtures("testbed")]

REAL = {
    "cable-pull": ("bad", "good"),
    "calm": ("none",),
    "slow-target": ("bad", "good"),
    "stalled-reader": ("bad", "good"),
}
"""Each a cause of its own. That the others end in containers as they do in the simulator: docs/reference/agreement.md."""
GALLERY = {name: load(ROOT / "scenarios" / f"{name}.yaml") for name in REAL}
ARMS = [(name, arm) for name, arms in REAL.items() for arm in arms]


TRIES = 3
"""A computer that is held up while pressure builds proves nothing, and says so; it is asked again, as a person would."""


def run(name: str, policy: str) -> tuple[CompletedProcess[str], dict[str, Any]]:
    words = ("run", f"scenarios/{name}.yaml", "--tier", "container", "--policy", policy, "--json")
    done = netreserve(*words, seconds=350)
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["kind"] == "result", done.stdout + done.stderr
    return done, last["result"]


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_an_arm_ends_as_its_scenario_says(name: str, arm: str) -> None:
    expected = GALLERY[name].arms[arm]
    for _ in range(TRIES):
        done, result = run(name, expected.policy)
        if result["verdict"] != "inconclusive":
            break
    assert result["verdict"] in expected.verdict, result["sentence"]
    assert result["data"] == "intact"
    if arm != "bad":
        assert done.returncode == 0, result["checks"]
