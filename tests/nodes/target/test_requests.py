from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from brokers import until
from nbdclients import NbdClient
from requirements import require

from nodes.config import TargetSpec
from nodes.target.requests import Served
from nodes.target.server import Server
from nodes.target.sockdiag import SockDiag

SPEC = TargetSpec(size_bytes=1 << 20)
DEBIANS_PYTHON = "/usr/bin/python3"
"""Has libnbd's module (python3-libnbd), which the environment of the tests has not."""


@pytest.fixture
async def server(store: Path, port: int) -> AsyncIterator[Server]:
    server = Server(store, "127.0.0.1", port)
    await server.start(SPEC)
    yield server
    await server.stop()


@pytest.fixture
def served(server: Server, port: int) -> Served:
    served = Served(SockDiag(port))
    served.follow(server.pid)
    return served


async def test_each_request_counts_once(served: Served, port: int) -> None:
    assert served.count() == 0
    async with NbdClient(port) as client:
        for page in range(100):
            await client.write(page)
        await until(lambda: served.count() == 100)
        for page in range(57):
            await client.read(page)
        await until(lambda: served.count() == 157)
        for page in range(100):
            await client.write(page)
            await client.read(page)
        await until(lambda: served.count() == 357)


async def test_several_connections_and_those_that_closed(served: Served, port: int) -> None:
    for turn in range(1, 6):
        async with NbdClient(port) as one, NbdClient(port) as other:
            for page in range(20):
                await one.write(page)
                await other.read(page)
            await until(lambda turn=turn: served.count() == 40 * turn)
    assert served.count() == 200


async def test_a_request_that_stalls_or_fails_is_not_served(served: Served, server: Server, port: int) -> None:
    async with NbdClient(port) as client:
        await server.adjust(TargetSpec(size_bytes=1 << 20, error_ratio=1.0))
        for page in range(100):
            assert await client.write(page)
        await server.adjust(SPEC)
        await client.write(0)
        await until(lambda: served.count() == 1)


async def test_the_count_goes_on_after_a_restart(served: Served, server: Server, port: int) -> None:
    async with NbdClient(port) as client:
        for page in range(30):
            await client.write(page)
            await client.read(page)
        await until(lambda: served.count() == 60)
    await server.stop()
    await server.start(SPEC)
    served.follow(server.pid)
    async with NbdClient(port) as client:
        await client.write(0)
        await until(lambda: served.count() == 61)


async def test_what_libnbd_did_is_what_was_served(served: Served, port: int) -> None:
    has_libnbd = subprocess.run([DEBIANS_PYTHON, "-c", "import nbd"], capture_output=True).returncode == 0
    require(has_libnbd, "needs python3-libnbd")
    script = f"""
import nbd, sys
h = nbd.NBD()
h.connect_uri("nbd://127.0.0.1:{port}")
for page in range(250): h.pwrite(b"y" * 4096, page * 4096)
for page in range(200): h.pread(4096, page * 4096)
print("done", flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen([DEBIANS_PYTHON, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin and client.stdout
        assert client.stdout.readline() == b"done\n"
        await until(lambda: served.count() == 450)
        client.stdin.close()
