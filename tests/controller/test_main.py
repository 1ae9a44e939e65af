"""The process of the controller, as a container starts it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("words", [("helth",), ("health", "now"), ("--help",), ("serve",)])
def test_unknown_arguments_start_no_daemon(words: tuple[str, ...]) -> None:
    environment = os.environ | {"NETRESERVE_BROKER": "127.0.0.1:1"}
    ended = subprocess.run(
        [sys.executable, "-m", "controller", *words], env=environment, capture_output=True, text=True, timeout=30
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"netreserve: unknown argument '{' '.join(words)}': nothing (the daemon) or 'health' is needed\n"
    )


def test_health_without_a_daemon() -> None:
    environment = os.environ | {"NETRESERVE_BROKER": "127.0.0.1:1"}
    ended = subprocess.run(
        [sys.executable, "-m", "controller", "health"], env=environment, capture_output=True, text=True, timeout=30
    )
    assert (ended.returncode, ended.stdout) == (1, "no controller runs here\n")
