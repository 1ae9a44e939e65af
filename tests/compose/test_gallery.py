"""Scenarios of the gallery end on real containers as its arms say: the bad one fails, the others live.

`classic` has tests of its own (test_runs.py).
"""

from __future__ import annotations

import pytest
from composed import ROOT, judged

from controller.experiment.scenario import load

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900), pytest.mark.usefixtures("testbed")]

REAL = {
    "cable-pull": ("bad", "good"),
    "calm": ("none",),
    "stalled-reader": ("bad",),
}
"""Each a cause of its own, as many as CI has time for beside real kernels. That the
others end in containers as they do in the simulator: docs/reference/agreement.md."""
GALLERY = {name: load(ROOT / "scenarios" / f"{name}.yaml") for name in REAL}
ARMS = [(name, arm) for name, arms in REAL.items() for arm in arms]


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_an_arm_ends_as_its_scenario_says(name: str, arm: str) -> None:
    expected = GALLERY[name].arms[arm]
    code, last = judged(name, expected.policy)
    result = last["result"]
    assert result["verdict"] in expected.verdict, result["sentence"]
    assert result["data"] == "intact"
    if arm != "bad":
        assert code == 0, result["checks"]
