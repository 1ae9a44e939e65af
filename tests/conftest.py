"""Checks, before a marked test runs, that the machine has what its mark names."""

from __future__ import annotations

import os

import hypothesis
import pytest
from requirements import require_docker, require_net_admin, require_qemu

# Tests patch machines and look into them: they are of the sources (tests/nodes/test_compiled.py compares compiled code).
os.environ["NETRESERVE_COMPILED"] = "never"

# An example that takes long on a busy computer is not a failure; a test that hangs meets its own time limit.
hypothesis.settings.register_profile("netreserve", deadline=None)
hypothesis.settings.load_profile("netreserve")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("net_admin"):
        require_net_admin()
    if item.get_closest_marker("docker"):
        require_docker()
    if item.get_closest_marker("qemu"):
        require_qemu()
