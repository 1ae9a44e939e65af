"""What is left of a project goes, whatever its state, and nothing else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.here.clean import LOOKS, clean, left, project_of
from nodes.errors import HarnessError

DOCKER = r"""#!/bin/sh
# A small engine: files below $STATE/<kind> are what it has, with their project inside.
case $1 in version) echo 26.1; exit;; ps|rm) kind=containers;; *) kind=$1s; shift;; esac
case $1 in
ps|ls) for word; do last=$word; done
    grep -lsx "${last##*=}" $STATE/$kind/* | xargs -rn1 basename;;
rm) shift; [ "$1" = --force ] && shift
    echo "$kind $*" >> $STATE/log
    if [ $kind = networks ] && [ -e $STATE/containers/broker-1 ]; then echo "has active endpoints" >&2; exit 1; fi
    for name; do [ -e $STATE/sticky/$name ] || rm $STATE/$kind/$name; done;;
esac
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for kind in ("containers", "networks", "volumes", "sticky"):
        (tmp_path / kind).mkdir()
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path))
    return tmp_path


def has(state: Path, kind: str, *names: str, project: str = "netreserve") -> None:
    for name in names:
        (state / kind / name).write_text(f"{project}\n")


def test_all_of_a_project_goes_and_nothing_else(state: Path) -> None:
    has(state, "containers", "broker-1", "target-1")
    has(state, "networks", "data")
    has(state, "volumes", "store")
    has(state, "containers", "web-1", project="theirs")
    has(state, "networks", "lan", project="netreserve-2")
    assert clean("netreserve") == {"containers": ["broker-1", "target-1"], "networks": ["data"]}
    assert sorted(path.name for path in state.glob("*s/*")) == ["lan", "store", "web-1"]
    assert clean("netreserve") == {"containers": [], "networks": []}, "again: nothing to do"
    assert clean("netreserve", volumes=True)["volumes"] == ["store"]
    assert sorted(path.name for path in state.glob("*s/*")) == ["lan", "web-1"]


def test_what_stays_is_told(state: Path) -> None:
    has(state, "containers", "broker-1")
    has(state, "networks", "data")
    (state / "sticky" / "broker-1").touch()
    with pytest.raises(HarnessError, match="there is still: containers: broker-1; networks: data"):
        clean("netreserve")
    assert (state / "log").read_text().count("containers broker-1") == LOOKS


def test_the_project_is_composes() -> None:
    assert project_of({}) == "netreserve"
    assert project_of({"COMPOSE_PROJECT_NAME": "mine"}) == "mine"


SLEEPER = ("debian:trixie-slim", "sleep", "600")
PROJECT = f"nrclean-{os.getpid()}"


@pytest.fixture
def bystander() -> Iterator[str]:
    name = f"{PROJECT}-bystander"
    label = f"--label=com.docker.compose.project={PROJECT}-other"
    subprocess.run(["docker", "network", "create", "--internal", label, name], check=True, capture_output=True)
    yield name
    subprocess.run(["docker", "network", "rm", name], check=True, capture_output=True)


@pytest.mark.docker
def test_a_paused_container_and_its_network_go(bystander: str) -> None:
    label = f"--label=com.docker.compose.project={PROJECT}"
    for words in (
        ("network", "create", "--internal", "--subnet=198.19.238.0/28", label, f"{PROJECT}-net"),
        (
            "run",
            "-d",
            "--init",
            f"--network={PROJECT}-net",
            f"--name={PROJECT}-1",
            label,
            "debian:trixie-slim",
            "sleep",
            "600",
        ),
        ("pause", f"{PROJECT}-1"),
    ):
        subprocess.run(["docker", *words], check=True, capture_output=True)
    assert clean(PROJECT) == {"containers": [f"{PROJECT}-1"], "networks": [f"{PROJECT}-net"]}
    assert not any(left(PROJECT).values())
    assert any(left(f"{PROJECT}-other").values())
