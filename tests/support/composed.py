"""The testbed of compose/compose.yaml, for tests: brought up, looked at, asked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROJECT = "netreserve"


def compose(*arguments: str, seconds: float = 600) -> str:
    """What `docker compose ARGUMENTS` prints. Fails with what it said on stderr when it does."""
    return _run("docker", "compose", *arguments, seconds=seconds)


def docker(*arguments: str, seconds: float = 60) -> str:
    return _run("docker", *arguments, seconds=seconds)


def netreserve(*arguments: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
    """`netreserve ARGUMENTS` as a person types it in the checkout."""
    line = ["uv", "run", "--frozen", "netreserve", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)


TRIES = 3
"""A computer that is held up while pressure builds proves nothing, and says so; it is asked again, as a person would."""


def judged(scenario: str | Path, policy: str, tier: str = "container") -> tuple[int, dict[str, Any]]:
    """Exit code and last line (result and report) of a scenario's run on the testbed; again while it proves nothing."""
    file = str(scenario) if isinstance(scenario, Path) else f"scenarios/{scenario}.yaml"
    for _ in range(TRIES):
        words = ("run", file, "--tier", tier, "--policy", policy, "--json")
        done = netreserve(*words, seconds=400)
        assert "Traceback" not in done.stderr, done.stderr
        last = json.loads(done.stdout.splitlines()[-1])
        assert last["kind"] == "result", done.stdout + done.stderr
        if last["result"]["verdict"] != "inconclusive":
            break
    return done.returncode, last


def containers() -> dict[str, dict[str, Any]]:
    """`docker inspect` of every container of the project by `<service>-<number>`."""
    ids = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}").split()
    found = json.loads(docker("inspect", *ids)) if ids else []
    return {container["Name"].removeprefix(f"/{PROJECT}-"): container for container in found}


def leftovers() -> dict[str, list[str]]:
    """What the engine holds of the project, by kind."""
    label = f"label=com.docker.compose.project={PROJECT}"
    kinds = {"containers": ("ps", "-aq"), "networks": ("network", "ls", "-q"), "volumes": ("volume", "ls", "-q")}
    return {kind: docker(*command, "--filter", label).split() for kind, command in kinds.items()}


def service_of(name: str) -> str:
    return name.rpartition("-")[0]


def inside(service: str, program: str, *, seconds: float = 30) -> str:
    """What a Python program prints that runs in a service's (first) container."""
    return compose("exec", "-T", service, "python3", "-c", program, seconds=seconds)


def _run(*line: str, seconds: float) -> str:
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{' '.join(line)}: exit {done.returncode}\n{done.stderr[-3000:]}"
    return done.stdout
