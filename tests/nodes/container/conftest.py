"""What the initiator's tests stand on: libnbd for this Python, and a storage target."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from freeports import free_port
from requirements import require, require_programs
from systemlibnbd import usable


@pytest.fixture(scope="session")
def libnbd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Makes Debian's python3-libnbd importable here."""
    with usable(tmp_path_factory.mktemp("libnbd")) as found:
        require(found, f"needs python3-libnbd for Python {sys.version_info.major}.{sys.version_info.minor}")
        yield


class Server:
    """A real nbdkit with a memory disk that lives as long as the process; `kill` and `start` break connections."""

    def __init__(self, address: str, port: int, *options: str, space: str = "") -> None:
        self.address, self.port = address, port
        inside = ("ip", "netns", "exec", space) if space else ()
        self._command = (*inside, "nbdkit", "-f", "-i", address, "-p", str(port), *options)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """`serve(*nbdkit options, address=, port=, space=)`: a started server; all are killed at the end."""
    require_programs("nbdkit")
    servers: list[Server] = []

    def started(*options: str, address: str = "127.0.0.1", port: int = 0, space: str = "") -> Server:
        server = Server(address, port or free_port(), *options, space=space)
        servers.append(server)
        server.start()
        if not space:
            wait_for_port(server.port)
        return server

    yield started
    for server in servers:
        server.kill()


def wait_for_port(port: int, deadline_s: float = 10.0) -> None:
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError(f"nothing listens on port {port}")
