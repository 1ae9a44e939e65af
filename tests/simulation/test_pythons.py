"""The same scenario gives the same bytes: in another process, with other hash seeds, and under every other Python here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import msgspec
import pytest
import yaml
from smallworlds import SMALL

ROOT = Path(__file__).parents[2]
TROUBLED = SMALL.replace(
    "delay: 200 us}", "delay: 200 us, jitter: 50 us, loss: 1 %, reorder: 1 %, duplicate: 1 %}"
).replace("latency: 200 us,", "latency: 200 us, latency_spread: lognormal,")
"""With everything that draws from a stream of randomness."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "plain.yaml").write_text(SMALL)
    (folder / "troubled.yaml").write_text(TROUBLED)
    return [str(folder / "plain.yaml"), str(folder / "troubled.yaml")]


def printed(*line: str, **environment: str) -> str:
    """What a program prints in the checkout; empty when it cannot be started."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | environment
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    return done.stdout if done.returncode == 0 else ""


@pytest.fixture(scope="module")
def here(files: list[str]) -> str:
    return printed(sys.executable, "-m", "controller.studies.fingerprint", *files, PYTHONHASHSEED="1")


@cache
def others() -> dict[str, str]:
    """A path of each other Python 3 minor version, 3.11 or later, that is on this machine."""
    found = {}
    for minor in range(11, 20):
        name = f"python3.{minor}"
        installed = sorted((Path.home() / ".pyenv/versions").glob(f"3.{minor}.*/bin/python3"))
        for path in filter(None, [shutil.which(name, path="/usr/local/bin:/usr/bin"), *map(str, installed)]):
            if minor != sys.version_info.minor and printed(path, "-c", "print(1)"):
                found[name] = path
    return found


def test_a_run_is_told_by_one_line(here: str, files: list[str]) -> None:
    lines = [line.split() for line in here.splitlines()]
    assert [(len(digest), name, seed) for digest, name, seed in lines] == [(64, "small", "7"), (64, "small", "7")]
    assert lines[0][0] != lines[1][0]


def test_another_process_with_other_hashes_gives_the_same(here: str, files: list[str]) -> None:
    assert printed(sys.executable, "-m", "controller.studies.fingerprint", *files, PYTHONHASHSEED="2") == here


def test_every_other_python_gives_the_same(here: str, files: list[str]) -> None:
    """tests/compose/test_fingerprint.py asks the testbed's own Python, for machines that have no other."""
    uv = shutil.which("uv")
    if not uv or not others():
        pytest.skip("no other Python of 3.11 or later is here, or no uv")
    needed = [
        f"--with={name}=={version}"
        for name, version in (("msgspec", msgspec.__version__), ("pyyaml", yaml.__version__))
    ]
    answers = {}
    for name, path in others().items():
        line = (uv, "run", "-q", "--no-project", "--isolated", "--python", path, *needed)
        if printed(*line, "python", "-c", "import msgspec, yaml; print(1)"):
            answers[name] = printed(*line, "python", "-m", "controller.studies.fingerprint", *files)
    if not answers:
        pytest.skip(f"msgspec and PyYAML cannot be had for {', '.join(others())}")
    assert answers == dict.fromkeys(answers, here)
