"""One testbed for all container tests: the one that is up, or one that goes down again afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from composed import compose, containers
from requirements import require_docker


@pytest.fixture(scope="session")
def testbed() -> Iterator[None]:
    require_docker()
    was_up = bool(containers())
    compose("up", "-d", "--build", "--wait")
    yield
    if not was_up:
        compose("--profile", "kernel", "down", "-v")
