from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from nodes.errors import HarnessError
from nodes.kernel import boot
from nodes.kernel.boot import until_ready
from nodes.kernel.console import Console
from nodes.kernel.qemu import Qemu


class Process:
    """QEMU, as far as it can end."""

    def __init__(self) -> None:
        self.end = asyncio.Event()

    async def ended(self) -> int:
        await self.end.wait()
        return 0


def told(story: Callable[[Console, Process], Awaitable[None]]) -> Any:
    """What waiting for a guest comes to when `story` is what it does."""

    async def wait() -> None:
        console, process = Console(lambda line: None, lambda line: None), Process()
        waiting = asyncio.create_task(until_ready("the guest", console, cast("Qemu", process), 1.0))
        await story(console, process)
        await waiting

    return asyncio.run(wait())


def test_a_guest_that_says_so_is_ready() -> None:
    async def story(console: Console, process: Process) -> None:
        console.channel.add("[    1.0] something else")
        console.channel.add("netreserve: ready after 2.50 s")

    told(story)


def test_a_guest_that_fails_is_told_in_its_own_words() -> None:
    async def story(console: Console, process: Process) -> None:
        console.channel.add("netreserve: FAILED target 198.18.1.2:10809: Connection refused")
        process.end.set()

    with pytest.raises(HarnessError, match=r"the guest did not start: target 198\.18\.1\.2:10809: Connection refused"):
        told(story)


def test_one_that_ends_or_never_gets_ready_is_told_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ends(console: Console, process: Process) -> None:
        console.channel.add("triple fault")
        process.end.set()

    async def waits(console: Console, process: Process) -> None:
        console.channel.add("still here")

    with pytest.raises(HarnessError, match="it ended; its last words: triple fault"):
        told(ends)
    monkeypatch.setattr(boot, "READY_S", 0.01)
    with pytest.raises(HarnessError, match=r"not ready after 0\.01 s; its last words: still here"):
        told(waits)
