"""The simulator gives the same bytes under the testbed's Python as under this one."""

from __future__ import annotations

import pytest
from composed import ROOT, compose

from controller.experiment.scenario import load
from controller.simulated.simulate import simulate
from controller.studies.fingerprint import fingerprint

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900), pytest.mark.usefixtures("testbed")]

FILE = "scenarios/classic.yaml"


def test_the_testbed_s_python_simulates_the_same_run() -> None:
    there = compose("exec", "-T", "controller", "python3", "-m", "controller.studies.fingerprint", FILE, seconds=120)
    assert there.split()[0] == fingerprint(simulate(load(ROOT / FILE)))
