from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from nbdclients import PAGE, NbdClient

from nodes.config import TargetSpec
from nodes.errors import HarnessError, UsageError
from nodes.target.server import Server

SPEC = TargetSpec(size_bytes=1 << 20)


def changed(**values: object) -> TargetSpec:
    return msgspec.structs.replace(SPEC, **values)


@pytest.fixture
async def server(store: Path, port: int) -> AsyncIterator[Server]:
    server = Server(store, "127.0.0.1", port)
    await server.start(SPEC)
    yield server
    await server.stop()


async def restart(server: Server, spec: TargetSpec) -> None:
    assert server.needs_restart(spec)
    await server.stop()
    await server.start(spec)


async def test_what_is_in_force_is_what_was_asked(server: Server) -> None:
    assert server.in_force() == SPEC
    spec = changed(latency_ns=3_000_000, rate_bps=8_000_000, error_ratio=0.125, stalled=True)
    await restart(server, spec)
    assert server.in_force() == spec
    assert not server.needs_restart(spec)


async def test_pages_survive_a_restart(server: Server, port: int) -> None:
    async with NbdClient(port) as client:
        assert await client.write(5, b"r" * PAGE) == 0
    await restart(server, changed(latency_ns=1_000_000))
    async with NbdClient(port) as client:
        assert await client.read(5) == b"r" * PAGE


async def test_latency_is_felt(server: Server, port: int) -> None:
    await restart(server, changed(latency_ns=20_000_000))
    async with NbdClient(port) as client:
        start = time.monotonic()
        await client.write(0)
        await client.read(0)
        assert time.monotonic() - start > 0.04


async def test_rate_changes_under_a_connection(server: Server, port: int) -> None:
    async with NbdClient(port) as client:
        await client.write(0)
        spec = changed(rate_bps=1_000_000)
        assert not server.needs_restart(spec)
        await server.adjust(spec)
        assert await seconds_for(client, pages=70) > 0.3, "2.3 Mbit at 1 Mbit/s; nbdkit lends 2 s of it at first"
        await server.adjust(SPEC)
        assert server.in_force() == SPEC
        assert await seconds_for(client, pages=70) < 0.3


async def seconds_for(client: NbdClient, pages: int) -> float:
    start = time.monotonic()
    for page in range(pages):
        await client.write(page)
    return time.monotonic() - start


async def test_errors_come_and_go_under_a_connection(server: Server, port: int) -> None:
    async with NbdClient(port) as client:
        spec = changed(error_ratio=1.0)
        assert not server.needs_restart(spec)
        await server.adjust(spec)
        assert server.in_force() == spec
        assert await client.write(0) == 5
        await server.adjust(SPEC)
        assert await client.write(0) == 0


async def test_another_share_of_errors_needs_a_restart(server: Server, port: int) -> None:
    await restart(server, changed(error_ratio=0.5))
    async with NbdClient(port) as client:
        answers = [await client.write(0) for _ in range(200)]
        assert 50 < answers.count(5) < 150
        await server.adjust(SPEC)
        assert not server.needs_restart(changed(error_ratio=0.5)), "the same share comes back live"
        assert await client.write(0) == 0


async def test_a_stalled_target_takes_requests_and_answers_when_it_resumes(server: Server, port: int) -> None:
    async with NbdClient(port) as client:
        await client.write(0)
        await server.adjust(changed(stalled=True))
        assert server.in_force().stalled
        waiting = asyncio.create_task(client.write(1))
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done()
        await server.adjust(SPEC)
        assert await asyncio.wait_for(waiting, 5) == 0


async def test_a_stalled_target_with_requests_stops(server: Server, port: int) -> None:
    await server.adjust(changed(stalled=True))
    async with NbdClient(port) as client:
        waiting = asyncio.create_task(client.write(1))
        await asyncio.wait([waiting], timeout=0.1)
        await asyncio.wait_for(server.stop(), 5)
        assert server.pid == 0
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await waiting


async def test_a_taken_port_is_told_in_nbdkits_words(server: Server, port: int, tmp_path: Path) -> None:
    other = Server(tmp_path, "127.0.0.1", port)
    with pytest.raises(HarnessError, match="Address already in use"):
        await other.start(SPEC)
    assert other.pid == 0


async def test_a_disk_larger_than_the_store_is_refused(store: Path, port: int) -> None:
    with pytest.raises(UsageError, match=r"size is .* TiB|size is .* GiB"):
        await Server(store, "127.0.0.1", port).start(changed(size_bytes=1 << 50))


async def test_nothing_is_in_force_without_a_server(store: Path, port: int) -> None:
    with pytest.raises(HarnessError, match="not running"):
        Server(store, "127.0.0.1", port).in_force()
