"""The serial console: the kernel's log and init's words, and the magic keys that work while all else hangs."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable

from nodes.errors import HarnessError
from nodes.kernel.channel import Channel, Stamped
from nodes.kernel.protocol import FAILED, READY
from nodes.kernel.qmp import Monitor

NAME = "console"
KEY_AFTER_S = 0.1
"""Between BREAK and key: the guest's interrupt must have taken the first (own: lab.md's harness waited 0.3 s)."""
QUIET_S = 0.7
"""An answer is over when nothing has come for so long (own): sysrq w prints its tasks without a pause."""
ANSWER_S = 15.0
"""The longest that an answer is collected, if the guest never gets quiet (own)."""
LAST_LINES = 5
PANIC = "Kernel panic - not syncing"
_READ_FAILED = re.compile(r"netreserve: eater \d+ ended: signal 7\b")
"""init: a page did not come back (SIGBUS)."""
_OUT_OF_MEMORY = re.compile(
    r"Out of memory|Kernel panic - not syncing: System is deadlocked on memory|netreserve: FAILED .*: Cannot allocate memory"
)
"""The kernel's words (mm/oom_kill.c), and init's; musl calls its ENOMEM "Out of memory", too."""
_RAM = re.compile(r"netreserve: MemTotal: *(\d+) kB")
"""init, before it is ready: /proc/meminfo."""
_PREFIX = re.compile(r"^(<\d+>)?\[ *\d+\.\d+\](\[ *[TC]\d+\])? ")


class Console:
    """A guest's console. `on_panic` and `on_read_failed` (a page of the application did not come back from the swap device)
    get the line that tells it."""

    def __init__(self, on_panic: Callable[[str], None], on_read_failed: Callable[[str], None]) -> None:
        self.channel = Channel(self._line)
        self.out_of_memory = ""
        """The first line that told of too little memory before init was ready."""
        self.ram_kib = 0
        """Memory that the guest's kernel has for itself and others, beside its own image; 0: not told yet."""
        self._on_panic, self._on_read_failed = on_panic, on_read_failed
        self._collected: list[str] | None = None
        self._news = asyncio.Event()
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._last: list[str] = []

    async def open(self, end: socket.socket) -> None:
        await self.channel.open(end)

    async def ready(self) -> str:
        """Waits until init says that the guest works, which answers "", or why it cannot be set up."""
        return await asyncio.shield(self._ready)

    @property
    def last_words(self) -> str:
        """The last lines, for a message to a person."""
        return " | ".join(self._last) or "nothing"

    def mark(self, text: str) -> None:
        """A line of our own."""
        self.channel.add(f"netreserve host: {text}")

    async def sysrq(self, monitor: Monitor, keys: str) -> list[str]:
        """What the guest prints on each of `keys` in turn (`w`: blocked tasks, `m`: memory, ...); nothing when it is mute.
        Raises HarnessError when QEMU does not do its part or another question is open."""
        if self._collected is not None:
            raise HarnessError("a sysrq is being answered already")
        answer: list[str] = []
        self._collected = answer
        try:
            for key in keys:
                await monitor.send_break(NAME)
                await asyncio.sleep(KEY_AFTER_S)
                self.channel.send(key.encode())
                await self._until_quiet()
        finally:
            self._collected = None
        return answer

    async def _until_quiet(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                while True:
                    self._news.clear()
                    await asyncio.wait_for(self._news.wait(), QUIET_S)
        except TimeoutError:
            return

    def _line(self, line: Stamped) -> None:
        text = line[1]
        if text.strip():
            self._last = [*self._last[1 - LAST_LINES :], text.strip()]
        if self._collected is not None:
            self._collected.append(text)
            self._news.set()
        if not self._ready.done() and not self.out_of_memory and _OUT_OF_MEMORY.search(text):
            self.out_of_memory = _PREFIX.sub("", text.strip())
        if PANIC in text:
            self._on_panic(text[text.index(PANIC) :])
        elif failed := _READ_FAILED.search(text):
            self._on_read_failed(failed.group(0))
        elif not self._ready.done():
            self._hear(_PREFIX.sub("", text.strip()))

    def _hear(self, words: str) -> None:
        if ram := _RAM.match(words):
            self.ram_kib = int(ram.group(1))
        elif words.startswith(READY):
            self._ready.set_result("")
        elif words.startswith(FAILED):
            self._ready.set_result(words.removeprefix(FAILED).strip())
