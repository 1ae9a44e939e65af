from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nodes.errors import HarnessError
from nodes.kernel import console
from nodes.kernel.console import Console


class Guest:
    """The other end of a console, and its monitor: answers each BREAK and key with two lines."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.console = Console(self.told.append, self.told.append)
        ours, self.end = socket.socketpair()
        self.ours = ours
        self.end.setblocking(False)
        self.breaks: list[str] = []

    async def send_break(self, channel: str) -> None:
        self.breaks.append(channel)
        asyncio.get_running_loop().create_task(self._answer())

    async def _answer(self) -> None:
        key = await asyncio.get_running_loop().sock_recv(self.end, 1)
        await asyncio.get_running_loop().sock_sendall(self.end, b"sysrq: " + key + b"\nanswer\n")

    def say(self, text: str) -> None:
        self.console.channel.feed(text.encode() + b"\n")


@pytest.fixture
async def guest(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Guest]:
    monkeypatch.setattr(console, "KEY_AFTER_S", 0.0)
    monkeypatch.setattr(console, "QUIET_S", 0.05)
    made = Guest()
    await made.console.open(made.ours)
    yield made
    made.console.channel.close()
    made.end.close()


async def test_ready_and_failure_are_heard_with_and_without_the_kernels_stamp(guest: Guest) -> None:
    guest.say("[    1.500000] e1000e: loading")
    guest.say("[    2.500000][    T1] netreserve: ready")
    assert await guest.console.ready() == ""
    other = Console(guest.told.append, guest.told.append)
    other.channel.feed(b"netreserve: FAILED nbd: Connection refused\n")
    assert await other.ready() == "nbd: Connection refused"
    assert "Connection refused" in other.last_words


async def test_the_memory_that_the_kernel_has_is_heard(guest: Guest) -> None:
    guest.say("netreserve: MemTotal:         119412 kB")
    guest.say("netreserve: MemFree:           80000 kB")
    assert guest.console.ram_kib == 119_412


async def test_a_panic_and_a_page_that_did_not_come_back_are_told(guest: Guest) -> None:
    guest.say("[    3.0] Kernel panic - not syncing: Attempted to kill init!")
    guest.say("netreserve: eater 0 ended: signal 9")
    guest.say("netreserve: eater 1 ended: signal 7")
    assert guest.told == [
        "Kernel panic - not syncing: Attempted to kill init!",
        "netreserve: eater 1 ended: signal 7",
    ]


async def test_a_magic_key_is_a_break_and_a_letter_and_its_answer_is_collected(guest: Guest) -> None:
    guest.say("before")
    monitor: Any = guest
    assert await guest.console.sysrq(monitor, "wm") == ["sysrq: w", "answer", "sysrq: m", "answer"]
    assert guest.breaks == ["console", "console"]


async def test_two_questions_at_once_are_refused(guest: Guest) -> None:
    monitor: Any = guest
    first = asyncio.create_task(guest.console.sysrq(monitor, "w"))
    await asyncio.sleep(0)
    with pytest.raises(HarnessError, match="already"):
        await guest.console.sysrq(monitor, "m")
    await first


async def test_our_own_marks_stand_among_the_lines(guest: Guest) -> None:
    guest.console.mark("ends the guest")
    assert [text for _, text in guest.console.channel.take()] == ["netreserve host: ends the guest"]
