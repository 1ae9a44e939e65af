"""What was said of one run, in order, for any number of listeners, each at its own pace; and how it is written for
EventSource (HTML standard, 9.2 Server-sent events)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

from controller.web.messages import LAST, Kind

END = "end"
"""The id of the last message: a browser that has it asks again, and is told that nothing comes any more."""
BEAT_S = 15.0
"""Silence after which a comment is sent, so that a listener who is gone is noticed (own)."""
AGAIN_MS = 1000
"""After so long a browser that lost us asks again (own)."""


class Message(NamedTuple):
    """`data` is JSON on one line."""

    kind: Kind
    data: bytes


class Journal:
    """Grows until its last message, a `result` or `failed`; `keep` bounds how many are kept, 0: all. One with an `epoch`,
    which begins its ids, has no last message."""

    def __init__(self, keep: int = 0, epoch: str = "") -> None:
        self._epoch = epoch
        self._messages: list[Message] = []
        self._first = 0
        self._keep = keep
        self._more = asyncio.Event()
        self.over = False
        self.listeners = 0
        """Who follows it now."""

    def add(self, kind: Kind, data: bytes) -> None:
        """Call it in the event loop."""
        self._messages.append(Message(kind, data))
        if self._keep and len(self._messages) > 2 * self._keep:
            dropped = len(self._messages) - self._keep
            del self._messages[:dropped]
            self._first += dropped
        self.over = self.over or (not self._epoch and kind in LAST)
        self._wake()

    def close(self) -> None:
        """Listeners leave; they may come again."""
        self.over = True
        self._wake()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()

    async def follow(self, seen: str = "") -> AsyncIterator[bytes]:
        """Everything after the message with the id `seen` (empty: from the first that is kept), until the last."""
        number = self._after_id(seen)
        self.listeners += 1
        try:
            yield b"retry: %d\n\n" % AGAIN_MS
            async for message in self._after(number):
                yield message
        finally:
            self.listeners -= 1

    @property
    def newest(self) -> str:
        """The id of the newest message."""
        return f"{self._epoch}{self._first + len(self._messages) - 1}"

    def knows(self, seen: str) -> bool:
        """Whether whoever has seen that one can go on from there."""
        number = self._after_id(seen)
        return number > 0 and self._first <= number <= self._first + len(self._messages)

    def _after_id(self, seen: str) -> int:
        """The number of the message after the one with that id; 0 for one that is not ours."""
        number = seen.removeprefix(self._epoch)
        ours = seen.startswith(self._epoch) and number.isdecimal() and len(number) < 19
        return int(number) + 1 if ours else 0

    async def _after(self, number: int) -> AsyncIterator[bytes]:
        while True:
            number = max(number, self._first)
            while number - self._first < len(self._messages):
                yield self._written(number)
                number = max(number + 1, self._first)
            if self.over:
                return
            more = self._more
            try:
                async with asyncio.timeout(BEAT_S):
                    await more.wait()
            except TimeoutError:
                yield b": still here\n\n"

    def _written(self, number: int) -> bytes:
        message = self._messages[number - self._first]
        last = message.kind in LAST and not self._epoch
        return written(message.kind, message.data, END if last else f"{self._epoch}{number}")


def written(kind: Kind, data: bytes, name: str = "") -> bytes:
    """A message as EventSource takes it; without a name it does not count as seen."""
    told = f"id: {name}\nevent: {kind}\ndata: " if name else f"event: {kind}\ndata: "
    return told.encode() + data + b"\n\n"
