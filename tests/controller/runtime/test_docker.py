"""Containers through the Docker API, with real ones."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

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
    assert docker("inspect", "-f", "{{.Id}}", found.name) == container
    assert (found.running, found.oom_killed, found.restarts) == (True, False, 0)
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


class Answering:
    """An engine with `count` containers that writes down what it is asked."""

    def __init__(self, count: int, *, swap: bool = True) -> None:
        self.swap, self.asked = swap, list[str]()
        self.hosts = {f"{number:064}": {"Memory": LIMIT_BYTES, "MemorySwap": -1} for number in range(1, count + 1)}

    def labels(self, container_id: str) -> dict[str, str]:
        number = str(int(container_id))
        return {"com.docker.compose.service": "sleeper", "com.docker.compose.container-number": number}

    def containers(self, **_: object) -> list[dict[str, Any]]:
        self.asked.append("list")
        return [{"Id": name, "Names": [f"/web/{name}", f"/{name}"], "Labels": self.labels(name)} for name in self.hosts]

    def inspect_container(self, container_id: str) -> dict[str, Any]:
        self.asked.append("inspect")
        state = {"Running": True, "OOMKilled": False, "ExitCode": 0}
        config = {"Labels": self.labels(container_id), "Hostname": container_id[:12]}
        return {"Config": config, "State": state, "HostConfig": self.hosts[container_id]}

    def update_container(self, container_id: str, mem_limit: int, memswap_limit: int) -> None:
        """On a kernel that does not count swap it warns, and keeps what it had."""
        self.asked.append("update")
        self.hosts[container_id] |= {"Memory": mem_limit} | ({"MemorySwap": memswap_limit} if self.swap else {})

    def logs(self, container_id: str, **_: object) -> bytes:
        self.asked.append("logs")
        return container_id.encode()


def asking(api: Answering) -> Engine:
    engine = Engine(SOCKET, PROJECT)
    engine._api = api  # type: ignore[assignment]
    return engine


def test_a_swap_limit_that_the_engine_did_not_take_is_told() -> None:
    with pytest.raises(
        HarnessError, match=r"^sleeper-1: limit of memory and swap is -1 bytes after \d+ were asked for$"
    ):
        asking(Answering(1, swap=False)).limit_memory("sleeper-1", 2 * LIMIT_BYTES)


def test_each_container_is_inspected_once_for_each_question() -> None:
    api = Answering(16)
    engine = asking(api)
    assert len(engine.containers()) == 16
    assert sorted(api.asked) == ["inspect"] * 16 + ["list"]
    api.asked.clear()
    assert engine.container("sleeper-7").node == "sleeper-7"
    assert api.asked == ["list", "inspect"]
    api.asked.clear()
    engine.logs("sleeper-16")
    assert api.asked == ["list", "logs"]
    api.asked.clear()
    engine.limit_memory("sleeper-3", 2 * LIMIT_BYTES)
    assert api.asked == ["list", "inspect", "update", "inspect"], "it is read back"
    api.asked.clear()
    engine.limit_memory("sleeper-3", 2 * LIMIT_BYTES)
    assert api.asked == ["list", "inspect"]


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
    with pytest.raises(HarnessError, match=r"^no Docker engine answers at tcp://127\.0\.0\.1:1: .+$"):
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
