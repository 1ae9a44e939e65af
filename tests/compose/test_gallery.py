"""Scenarios of the gallery end on real containers as its arms say: the bad one fails, the others live.

`classic` has tests of its own (test_runs.py).
"""

from __future__ import annotations

import json

import pytest
from composed import ROOT, netreserve
from msgspec import structs

from controller.scenario import load
from controller.scenario.limits import beyond

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400), pytest.mark.usefixtures("testbed")]

ALL = {path.stem: load(path) for path in sorted((ROOT / "scenarios").glob("*.yaml")) if path.stem != "classic"}
GALLERY = {name: it for name, it in ALL.items() if not list(beyond(structs.replace(it, tier="container")))}
"""Those that containers can carry out."""
ARMS = [(name, arm) for name, scenario in GALLERY.items() for arm in scenario.arms]


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_an_arm_ends_as_its_scenario_says(name: str, arm: str) -> None:
    expected = GALLERY[name].arms[arm]
    done = netreserve(
        "run", f"scenarios/{name}.yaml", "--tier", "container", "--policy", expected.policy, "--json", seconds=350
    )
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["kind"] == "result", done.stdout + done.stderr
    result = last["result"]
    assert result["verdict"] in expected.verdict, result["sentence"]
    assert result["data"] == "intact"
    if arm != "bad":
        assert done.returncode == 0, result["checks"]
