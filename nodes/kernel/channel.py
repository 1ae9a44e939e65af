"""A line-wise channel to a guest: each line comes with the Unix time at which it was complete."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable

LINE_BYTES_MAX = 16_384
"""A longer line is cut: no kernel writes one, a guest gone wild might (own)."""
BATCH_LINES = 100
"""Lines in one event at most."""
WAITING_LINES_MAX = 20_000
"""Lines that nobody has taken yet; the oldest are dropped beyond (own: a sysrq-t of a full guest has 10 000)."""

Stamped = tuple[int, str]


class Channel:
    """One of QEMU's channels. `on_line` sees each line as it comes; `take` gives them away in batches."""

    def __init__(self, on_line: Callable[[Stamped], None]) -> None:
        self._on_line = on_line
        self._waiting: deque[Stamped] = deque(maxlen=WAITING_LINES_MAX)
        self._part = b""
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, end: socket.socket) -> None:
        """Reads from `end` until QEMU closes its own."""
        reader, self._writer = await asyncio.open_unix_connection(sock=end)
        self._task = asyncio.create_task(self._read(reader))

    def add(self, text: str) -> None:
        """A line as if it had come: the guest's, or our own word among them."""
        line = (time.time_ns(), text)
        self._waiting.append(line)
        self._on_line(line)

    def feed(self, data: bytes) -> None:
        """Bytes as they came."""
        *whole, part = (self._part + data).split(b"\n")
        for line in whole:
            self.add(_text(line))
        if len(part) > LINE_BYTES_MAX:
            self.add(_text(part))
            part = b""
        self._part = part

    def send(self, data: bytes) -> None:
        """To the guest, if QEMU still listens."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)

    def take(self) -> list[Stamped]:
        """The oldest lines that were not taken yet, BATCH_LINES at most."""
        return [self._waiting.popleft() for _ in range(min(BATCH_LINES, len(self._waiting)))]

    async def drained(self) -> None:
        """Waits until all is read that QEMU, which has ended, left behind."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def close(self) -> None:
        """Hangs up."""
        if self._task is not None:
            self._task.cancel()
        if self._writer is not None:
            self._writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(1 << 16):
                self.feed(data)
        except OSError:  # as good as an end
            pass
        if self._part:
            self.feed(b"\n")


def _text(line: bytes) -> str:
    return line.decode("latin-1").strip("\r\0")
