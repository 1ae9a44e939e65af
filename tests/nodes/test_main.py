"""The process of a node, as a container starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

GOOD = {
    "NETRESERVE_ROLE": "target",
    "NETRESERVE_BROKER": "127.0.0.1:1",
    "NETRESERVE_DATA_SUBNET": "127.0.0.0/8",
    "NETRESERVE_NODE": "nragent-main-test",
}


def nodes(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nodes", *arguments]
    return subprocess.run(command, env=os.environ | GOOD | environment, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    ("environment", "code", "part"),
    [
        ({"NETRESERVE_ROLE": "toaster"}, 2, "NETRESERVE_ROLE is 'toaster'"),
        ({"NETRESERVE_BROKER": "broker:x"}, 2, "NETRESERVE_BROKER"),
        ({"NETRESERVE_DATA_SUBNET": "198.18.1"}, 2, "NETRESERVE_DATA_SUBNET"),
        ({"NETRESERVE_DATA_SUBNET": "198.19.77.0/24"}, 3, "198.19.77.0/24"),
        ({"NETRESERVE_CREDENTIALS": "/nowhere/c.json"}, 3, "/nowhere/c.json"),
    ],
)
def test_a_wrong_environment_is_one_line_and_an_exit_code(environment: dict[str, str], code: int, part: str) -> None:
    ended = nodes(**environment)
    assert ended.returncode == code
    assert part in ended.stderr and ended.stderr.count("\n") == 1


def test_an_unknown_argument_is_refused() -> None:
    ended = nodes("helth")
    assert ended.returncode == 2 and "'helth'" in ended.stderr


def test_health_without_an_agent() -> None:
    ended = nodes("health")
    assert ended.returncode == 1 and ended.stdout == "no agent runs here\n"


def test_health_of_an_agent_and_its_clean_end() -> None:
    """Without a broker (nothing listens on port 1) or, where there is no /store, without a place for the disk."""
    agent = subprocess.Popen([sys.executable, "-m", "nodes"], env=os.environ | GOOD, stderr=subprocess.PIPE)
    try:
        expected = "broker 127.0.0.1:1" if Path("/store").is_dir() else "no folder /store"
        deadline = time.monotonic() + 20
        while expected not in (ended := nodes("health")).stdout:
            assert time.monotonic() < deadline, ended.stdout
        assert ended.returncode == 1
        agent.terminate()
        assert agent.wait(20) == 0
        assert agent.stderr is not None and b"Traceback" not in agent.stderr.read()
    finally:
        agent.kill()
