"""libnbd in the loop, against a real nbdkit on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from requirements import require_net_admin

from nodes.container import nbddisk
from nodes.container.acks import AckCounter
from nodes.container.nbddisk import NbdDisk
from nodes.container.pages import Pages
from nodes.errors import LackingError, UsageError
from nodes.machine.events import Completed
from nodes.units import PAGE_BYTES

pytestmark = pytest.mark.usefixtures("libnbd")
Serve = Callable[..., Any]


@pytest.fixture(autouse=True)
def may_mark_sockets() -> None:
    require_net_admin()


class Client:
    """A disk that collects what it answers."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.flows: list[bytes] = []
        self.answers: list[Completed] = []
        self.reconnects = 0
        self.disk = NbdDisk(host, port, self._flow)
        self.disk.on_ready = self._collect

    def _flow(self, endpoints: bytes, acks: AckCounter) -> None:
        self.flows.append(endpoints)

    def _collect(self) -> None:
        self.reconnects += self.disk.take_reconnected()
        self.answers += self.disk.take()

    async def until(self, condition: Callable[[], object], deadline_s: float = 10) -> None:
        async with asyncio.timeout(deadline_s):
            while not condition():
                await asyncio.sleep(0.005)


async def test_pages_go_out_and_come_back(serve: Serve) -> None:
    client, pages = Client(serve("memory", "16M").port), Pages(1000, 1000)
    await client.disk.open(1000 * PAGE_BYTES)
    for page in range(1000):  # far more than the socket takes at once: libnbd must wait for room, and read meanwhile
        pages.write(page, 1)
        client.disk.submit_write([page], page * PAGE_BYTES, pages.view(page))
    await client.until(lambda: len(client.answers) == 1000)
    assert {answer.error for answer in client.answers} == {0}
    client.answers.clear()
    for page in range(1000):
        pages.discard(page)
        client.disk.submit_read([page], page * PAGE_BYTES, pages.view(page))
    await client.until(lambda: len(client.answers) == 1000)
    assert all(pages.verify(answer.request, 1) for answer in client.answers)
    await client.disk.close()


async def test_an_error_of_the_target_is_the_requests(serve: Serve) -> None:
    client = Client(serve("--filter=error", "memory", "1M", "error=EIO", "error-pwrite-rate=100%").port)
    await client.disk.open(PAGE_BYTES)
    client.disk.submit_write([7], 0, memoryview(bytearray(PAGE_BYTES)))
    await client.until(lambda: client.answers)
    assert client.answers == [Completed(7, 5)]
    await client.disk.close()


async def test_a_lost_connection_comes_back_and_its_answers_are_not_made_up(serve: Serve) -> None:
    server = serve("--filter=delay", "memory", "1M", "rdelay=30")
    client, lost = Client(server.port), list[str]()
    client.disk.on_lost = lost.append
    await client.disk.open(PAGE_BYTES)
    client.disk.submit_read([1], 0, memoryview(bytearray(PAGE_BYTES)))
    server.kill()
    await client.until(lambda: lost)
    client.disk.submit_read([2], 0, memoryview(bytearray(PAGE_BYTES)))
    assert client.answers == [] and client.reconnects == 0
    server.start()
    await client.until(lambda: client.reconnects)
    assert client.answers == [], "what was in flight is the machine's to send again"
    client.disk.submit_write([3], 0, memoryview(bytearray(PAGE_BYTES)))
    await client.until(lambda: client.answers)
    assert client.answers == [Completed(3, 0)]
    assert len(set(client.flows)) >= 2, "the new connection's endpoints were told"
    await client.disk.close()


async def test_a_target_that_is_not_there_is_named(serve: Serve) -> None:
    server = serve("memory", "1M")
    server.kill()
    with pytest.raises(LackingError, match=rf"127\.0\.0\.1:{server.port} cannot be reached: .*refused"):
        await Client(server.port).disk.open(PAGE_BYTES)


async def test_something_else_on_the_port_is_no_target() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1") as other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(LackingError, match=f"127.0.0.1:{port} cannot be reached"):
            await Client(port).disk.open(PAGE_BYTES)


async def test_what_libnbd_refuses_is_no_traceback(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        raise nbddisk.nbd.Error("nbd_create: out of memory", 12)

    client = Client(serve("memory", "1M").port)
    monkeypatch.setattr(nbddisk, "_plain_handle", refuse)
    with pytest.raises(LackingError, match=r"cannot be reached: nbd_create: out of memory"):
        await client.disk.open(PAGE_BYTES)


async def test_it_reconnects_though_libnbd_refused_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve("memory", "1M")
    client, refused, handle = Client(server.port), list[int](), nbddisk._plain_handle

    def refuse_once() -> Any:
        if refused:
            return handle()
        refused.append(1)
        raise nbddisk.nbd.Error("nbd_create: out of memory", 12)

    await client.disk.open(PAGE_BYTES)
    monkeypatch.setattr(nbddisk, "_plain_handle", refuse_once)
    server.kill()
    server.start()
    await client.until(lambda: client.reconnects)
    assert refused
    await client.disk.close()


async def test_a_reconnecting_that_dies_is_told_as_our_own_fault(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server, faults = serve("memory", "1M"), list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    client = Client(server.port)
    await client.disk.open(PAGE_BYTES)

    def broken() -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(nbddisk, "_plain_handle", broken)
    server.kill()
    server.start()
    await client.until(lambda: faults)
    assert str(faults[0]["exception"]) == "a bug"
    await client.disk.close()


async def test_a_small_disk_is_refused_with_both_sizes(serve: Serve) -> None:
    with pytest.raises(UsageError, match=r"has 1 MiB, the working set needs 2 MiB"):
        await Client(serve("memory", "1M").port).disk.open(2 << 20)


async def test_connecting_does_not_block_the_loop(serve: Serve) -> None:
    client, longest_s = Client(serve("memory", "1M").port), 0.0

    async def beat() -> None:
        nonlocal longest_s
        while True:
            before = time.monotonic()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.monotonic() - before)

    heart = asyncio.create_task(beat())
    await client.disk.open(PAGE_BYTES)
    heart.cancel()
    assert longest_s < 1.0
    await client.disk.close()
