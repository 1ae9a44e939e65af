"""Part m: how long a person waits before a command says anything, beside a bare interpreter in the same run.

Whole processes, wall time, the median of several; the core must be idle. The first event is the first line that
`netreserve run scenarios/classic.yaml --json` prints: the first second of virtual time is simulated then.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from figures import Figure

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 9
ENTRY = "from controller.cli.main import main; main()"
CLASSIC = "scenarios/classic.yaml"
COMPLETION = {"_NETRESERVE_COMPLETE": "complete_bash", "COMP_WORDS": "netreserve va", "COMP_CWORD": "1"}
QUICK_S, FIRST_S = 0.3, 0.6
"""The aims."""


def figures() -> Iterator[Figure]:
    """Each command in turn with the bare interpreter, so that what disturbs one disturbs the other."""
    with tempfile.TemporaryDirectory() as runs:
        commands: list[tuple[str, list[str], dict[str, str], float]] = [
            ("--help", ["--help"], {}, QUICK_S),
            ("shell completion of a verb", [], COMPLETION, QUICK_S),
            ("validate a scenario", ["validate", CLASSIC], {}, QUICK_S),
            ("first event of a simulated classic", ["run", CLASSIC, "--json", "--runs", runs], {}, FIRST_S),
        ]
        for name, words, variables, aim_s in commands:
            pairs = [(_first_line_s(["-c", ENTRY, *words], variables), _bare_s()) for _ in range(ROUNDS)]
            value, bare = (median(each) for each in zip(*pairs, strict=True))
            yield Figure(
                part="m",
                name=name,
                value=value,
                unit="s",
                aim=f"at most {aim_s:g} s",
                met=value <= aim_s,
                peer=bare,
                peer_name="bare interpreter",
                ratio=median(mine / other for mine, other in pairs),
            )


def _bare_s() -> float:
    return _first_line_s(["-c", "print()"], {})


def _first_line_s(words: list[str], variables: dict[str, str]) -> float:
    """From the start of Python to the first line on stdout. Raises SubprocessError when none comes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    began_s = time.monotonic()
    with subprocess.Popen([sys.executable, *words], cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took_s = time.monotonic() - began_s
        process.kill()
    if not line:
        raise subprocess.SubprocessError(f"{' '.join(words)} said nothing")
    return took_s
