"""Up, scaled, down: in the time and to the end that the documentation promises."""

from __future__ import annotations

import json
import time

import pytest
from composed import compose, containers, inside, leftovers

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900), pytest.mark.usefixtures("testbed")]

UP_AGAIN_S = 20


def test_sixteen_initiators_stand_up_under_one_name() -> None:
    try:
        compose("up", "-d", "--wait", "--scale", "initiator=16")
        there = containers()
        names = [name for name in there if name.startswith("initiator-")]
        assert len(names) == 16
        assert all(there[name]["State"]["Health"]["Status"] == "healthy" for name in names)
        program = "import json; from traffic.targets import resolve; print(json.dumps(resolve(('initiator-data',))))"
        found = json.loads(inside("locust-worker", program))
        mine = {there[name]["NetworkSettings"]["Networks"]["netreserve_data"]["IPAddress"] for name in names}
        assert set(found) == mine
    finally:
        compose("up", "-d", "--wait", "--scale", "initiator=1")


def test_down_leaves_nothing_and_up_again_is_quick() -> None:
    """Takes a testbed down that was up before the tests, too: its passwords are made anew, its runs are kept."""
    compose("--profile", "kernel", "down", "-v")
    assert leftovers() == {"containers": [], "networks": [], "volumes": []}
    began = time.monotonic()
    compose("up", "-d", "--wait")
    assert time.monotonic() - began <= UP_AGAIN_S
