"""Containers through the Docker API, with real ones."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from requirements import require

from controller.runtime.docker import Engine
from nodes.errors import HarnessError, LackingError

SOCKET = "unix:///var/run/docker.sock"
PROJECT = f"nrservice-{os.getpid()}"
LIMIT_BYTES = 64 << 20


def docker(*args: str) -> str:
    return subprocess.run(["docker", *args], check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def until_running(engine: Engine, running: bool) -> None:
    deadline = time.monotonic() + 10
    while engine.container("sleeper-1").running != running:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    """A container that writes a line and sleeps, labelled as compose does."""
    answers = subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
    require(answers, "needs a Docker engine")
    labels = {"project": PROJECT, "service": "sleeper", "container-number": "1"}
    marked = [part for name, value in labels.items() for part in ("--label", f"com.docker.compose.{name}={value}")]
    limit = f"{LIMIT_BYTES}"
    name = docker(
        "run", "-d", "--init", "--network=none", f"--memory={limit}", f"--memory-swap={limit}", *marked,
        "debian:trixie-slim", "sh", "-c", "echo here I am; sleep 600",
    )  # fmt: skip
    yield name
    docker("rm", "-f", name)


@pytest.mark.docker
def test_containers_go_by_service_and_number(container: str) -> None:
    found = Engine(SOCKET, PROJECT).containers()["sleeper-1"]
    assert (found.id, found.running, found.oom_killed, found.restarts) == (container, True, False, 0)
    assert found.memory_limit_bytes == found.swap_limit_bytes == LIMIT_BYTES


@pytest.mark.docker
def test_a_container_is_found_by_its_host_name_too(container: str) -> None:
    assert Engine(SOCKET, PROJECT).container(container[:12]).node == "sleeper-1"


@pytest.mark.docker
def test_a_memory_limit_is_set_and_read_back(container: str) -> None:
    engine = Engine(SOCKET, PROJECT)
    assert engine.limit_memory("sleeper-1", 2 * LIMIT_BYTES).memory_limit_bytes == 2 * LIMIT_BYTES
    paths = "/sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes"  # cgroup version 2, 1
    assert docker("exec", container, "sh", "-c", f"cat {paths} 2>/dev/null || true") == str(2 * LIMIT_BYTES)
    assert engine.limit_memory("sleeper-1", LIMIT_BYTES).swap_limit_bytes == LIMIT_BYTES


def test_a_swap_limit_that_the_engine_did_not_take_is_told() -> None:
    class WithoutSwapLimits:
        """An engine on a kernel that does not count swap: it warns, and keeps what it had."""

        host: ClassVar = {"Memory": LIMIT_BYTES, "MemorySwap": -1}
        labels: ClassVar = {"com.docker.compose.service": "sleeper", "com.docker.compose.container-number": "1"}

        def containers(self, **_: object) -> list[dict[str, str]]:
            return [{"Id": "1"}]

        def inspect_container(self, _: str) -> dict[str, Any]:
            state = {"Running": True, "OOMKilled": False, "ExitCode": 0}
            return {"Config": {"Labels": self.labels, "Hostname": "1"}, "State": state, "HostConfig": self.host}

        def update_container(self, _: str, mem_limit: int, memswap_limit: int) -> None:
            self.host["Memory"] = mem_limit

    engine = Engine(SOCKET, PROJECT)
    engine._api = WithoutSwapLimits()  # type: ignore[assignment]
    with pytest.raises(
        HarnessError, match=r"^sleeper-1: limit of memory and swap is -1 bytes after \d+ were asked for$"
    ):
        engine.limit_memory("sleeper-1", 2 * LIMIT_BYTES)


@pytest.mark.docker
def test_logs_are_read(container: str) -> None:
    assert b"here I am" in Engine(SOCKET, PROJECT).logs("sleeper-1")


@pytest.mark.docker
def test_what_docker_refuses_is_told(container: str) -> None:
    with pytest.raises(HarnessError, match=r"Docker refuses update_container: .*[Mm]emory"):
        Engine(SOCKET, PROJECT).limit_memory("sleeper-1", 1000)


@pytest.mark.docker
def test_an_unknown_container_is_told(container: str) -> None:
    with pytest.raises(LackingError, match=r"no container of project .* is nobody-1: there are sleeper-1"):
        Engine(SOCKET, PROJECT).container("nobody-1")


def test_no_engine_is_told_in_one_line() -> None:
    with pytest.raises(LackingError, match=r"^no Docker engine answers at tcp://127\.0\.0\.1:1: .+$"):
        Engine("tcp://127.0.0.1:1", PROJECT).containers()


def test_a_proxy_that_denies_is_told() -> None:
    class Denying(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(403)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Denying) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        with pytest.raises((HarnessError, LackingError), match=r"403|Forbidden"):
            Engine(f"tcp://127.0.0.1:{server.server_port}", PROJECT).containers()
        server.shutdown()
        thread.join()
