from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from nodes.errors import HarnessError, LackingError, UsageError
from nodes.kernel import boot
from nodes.kernel.boot import until_ready
from nodes.kernel.console import PANIC, Console
from nodes.kernel.qemu import Qemu


class Process:
    """QEMU, as far as it can end."""

    def __init__(self) -> None:
        self.end = asyncio.Event()

    async def ended(self) -> int:
        await self.end.wait()
        return 0


CONSOLES = Path(__file__).parents[2] / "recorded" / "consoles"
MEMORY_BYTES = 72 << 20


def told(story: Callable[[Console, Process], Awaitable[None]], memory_bytes: int = MEMORY_BYTES) -> Any:
    """What waiting for a guest comes to when `story` is what it does."""

    async def wait() -> None:
        console, process = Console(lambda line: None, lambda line: None), Process()
        waiting = asyncio.create_task(until_ready("the guest", console, cast("Qemu", process), 1.0, memory_bytes))
        await story(console, process)
        await waiting

    return asyncio.run(wait())


def test_a_guest_that_says_so_is_ready() -> None:
    async def story(console: Console, process: Process) -> None:
        console.channel.add("[    1.0] something else")
        console.channel.add("netreserve: ready after 2.50 s")

    told(story)


def saying(*lines: str) -> Callable[[Console, Process], Awaitable[None]]:
    """A guest that says this and ends."""

    async def story(console: Console, process: Process) -> None:
        for line in lines:
            console.channel.add(line)
        process.end.set()

    return story


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("target 198.18.1.2:10809: Connection refused", "see whether the target is up .netreserve ps, docker compose"),
        ("handshake with target 198.18.1.2:10809: Connection reset by peer", "see whether the target is up"),
        ("module e1000e: Exec format error", r"do not match: make the image again .netreserve up --kernel 1 --build"),
        ("eth0: No such device", "another nic, or another kernel"),
        ("head_reserve = 1: Function not implemented", "another kernel, or a policy without it"),
        ("iface = 1: Function not implemented", "another kernel, or a policy without it"),
        ("/proc/sys/net/ipv4/udp_mem = 1 1 1: No such file or directory", "the console log has more"),
    ],
)
def test_a_guest_that_says_why_it_fails_lacks_something_and_is_told_with_what_to_do(words: str, hint: str) -> None:
    with pytest.raises(LackingError, match=rf"the guest did not start: {re.escape(words)}; .*{hint}"):
        told(saying(f"netreserve: FAILED {words}"))


@pytest.mark.parametrize(
    "lines",
    [
        ("[    1.1] Out of memory and no killable processes...", f"[    1.1] {PANIC}: System is deadlocked on memory"),
        (f"[    1.1] {PANIC}: System is deadlocked on memory", "[    1.2] Kernel Offset: disabled"),
        ("[    1.1] Out of memory: Killed process 139 (init)", f"[    1.2] {PANIC}: Attempted to kill init!"),
        ("netreserve: FAILED module nbd: Cannot allocate memory",),
        ("netreserve: FAILED module nbd: Out of memory",),
        (CONSOLES / "oom-panic-6.12.log").read_text().splitlines(),
    ],
    ids=["no process", "deadlocked", "init", "glibc", "musl", "recorded"],
)
def test_a_guest_that_shows_too_little_memory_is_told_to_have_more(lines: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"did not start: .*memory.*; 72 MiB of memory are too little.*a larger"):
        told(saying(*lines))
    with pytest.raises((LackingError, HarnessError)):  # nobody chose it: it is not a user's mistake
        told(saying(*lines), memory_bytes=0)


def test_a_guest_that_panics_for_another_reason_is_no_matter_of_memory() -> None:
    with pytest.raises(HarnessError, match=r"it ended; its last words: .*VFS: Unable to mount root fs"):
        told(saying("[    1.1] something", f"[    1.1] {PANIC}: VFS: Unable to mount root fs on unknown-block(0,0)"))
    lines = (CONSOLES / "panic-in-hang-rtl8139-off-6.1.log").read_text().splitlines()
    with pytest.raises(HarnessError, match="it ended"):
        told(saying(*lines))


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
