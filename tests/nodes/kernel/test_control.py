from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from nodes.errors import HarnessError, LackingError
from nodes.kernel import control
from nodes.kernel.control import Control
from nodes.kernel.telemetry import Feed


class Module:
    """The guest's end of the control channel."""

    def __init__(self) -> None:
        self.feed = Feed()
        self.control = Control(self.feed, patience=1)
        self.ours, self.end = socket.socketpair()
        self.end.setblocking(False)

    async def answer(self, line: str) -> str:
        command = await asyncio.get_running_loop().sock_recv(self.end, 100)
        self.feed.channel.feed(line.encode() + b"\n")
        return command.decode()


@pytest.fixture
async def module() -> AsyncIterator[Module]:
    made = Module()
    await made.control.channel.open(made.ours)
    yield made
    made.control.channel.close()
    made.end.close()


async def test_a_command_is_in_force_when_telemetry_says_so(module: Module) -> None:
    command = asyncio.create_task(module.control.command("memalloc", 1, lambda: module.feed.newest.memalloc == 1))
    assert await module.answer("T t=1 ack=1 memalloc=0") == "1 memalloc 1\n"
    await asyncio.sleep(0.03)
    assert not command.done()
    module.feed.channel.feed(b"T t=2 ack=1 memalloc=1\n")
    await command


async def test_a_refusal_names_the_command(module: Module) -> None:
    command = asyncio.create_task(module.control.command("head_reserve", 1))
    await module.answer("T t=1 nak=1")
    with pytest.raises(LackingError, match="head_reserve 1"):
        await command


async def test_silence_ends_in_an_error(module: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "ACK_S", 0.05)
    silent = Control(module.feed, patience=1)
    with pytest.raises(HarnessError, match="min_free_kb 4096"):
        await silent.command("min_free_kb", 4096)
