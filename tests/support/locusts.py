"""A Locust of our own for tests: a process, its port, and sinks on loopback to aim at."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from freeports import free_port, free_ports

ROOT = Path(__file__).parents[2]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "locust", "-f", "traffic/locustfile.py", *arguments]


def headless(*arguments: str, users: int = 1) -> subprocess.CompletedProcess[str]:
    """A whole headless flood; its statistics are JSON on stdout."""
    line = command("--headless", "--json", "-u", str(users), "-r", str(users), *arguments)
    return subprocess.run(line, cwd=ROOT, env=_environment(), capture_output=True, text=True, timeout=60, check=False)


def entries(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, float]]:
    """Statistics of a headless flood by name of the entry."""
    return {entry["name"]: entry for entry in json.loads(done.stdout)}


@contextmanager
def web() -> Iterator[str]:
    """A Locust that waits for POST /swarm; yields its URL."""
    port = free_port()
    process = subprocess.Popen(
        command("--web-host", "127.0.0.1", "--web-port", str(port)),
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(url), "Locust's web server", 90)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def post(url: str, fields: dict[str, str]) -> dict[str, object]:
    with urllib.request.urlopen(url, urllib.parse.urlencode(fields).encode(), timeout=10) as answer:
        return dict(json.load(answer))


def get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return dict(json.load(answer))


def answers(url: str) -> bool:
    try:
        get(f"{url}/stats/requests")
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


def wait_for(condition: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


class UdpSinks:
    """Sockets on consecutive ports of loopback that count what arrives."""

    def __init__(self, count: int) -> None:
        self.sockets = _neighbours(count)
        self.port = int(self.sockets[0].getsockname()[1])
        self.packets = [0] * count
        self.sizes: set[int] = set()
        self._stop = Event()
        self._thread = Thread(target=self._read)

    def __enter__(self) -> UdpSinks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        for sock in self.sockets:
            sock.close()

    def _read(self) -> None:
        while not self._stop.is_set():
            for sock in select.select(self.sockets, [], [], 0.05)[0]:
                self.sizes.add(len(sock.recv(65_536)))
                self.packets[self.sockets.index(sock)] += 1


def _neighbours(count: int) -> list[socket.socket]:
    socks = []
    for port in free_ports(count):
        socks.append(sock := socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("127.0.0.1", port))
    return socks


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
