"""Runs `netreserve` as a person does: a process with its own environment, or in ours for a quick look."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-c", "from controller.cli.main import main; main()")
TIMEOUT_S = 60

SCENARIO = """\
name: tiny
nodes:
  initiator: {count: 1, memory: 64 MiB, min_free: 1 MiB, nic: e1000e, working_set: 96 MiB}
  target: {count: 1, size: 256 MiB}
policy: none
phases: {warmup: 12 s, flood: 1 s, heal: 1 s}
expect:
  - verdict: healthy
"""


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    def lines(self) -> list[dict[str, object]]:
        """stdout as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment(**changes: str) -> dict[str, str]:
    """Ours without any setting of netreserve or Docker, with `changes`."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("NETRESERVE_", "DOCKER_", "COMPOSE_"))
    }
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | changes


def netreserve(*words: str | Path, cwd: Path = ROOT, **changes: str) -> Said:
    """`netreserve WORDS` in a process of its own; `changes` to its environment."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def operator(runs: Path, port: int) -> dict[str, str]:
    """The environment of a person whose testbed's broker listens at `port` and keeps its runs in `runs`."""
    (runs / ".operator.json").write_text('{"username": "operator", "password": "secret"}')
    return {"NETRESERVE_BROKER": f"127.0.0.1:{port}", "NETRESERVE_RUNS": str(runs)}
