"""What a driver needs of the swap device, network or local."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from nodes.machine.events import Completed


class Disk(Protocol):
    """A swap device of page slots. Buffers passed in must stay untouched by their owner until the request completes.

    Requests that are lost with a connection are forgotten: after `Reconnected` the machine issues them again.
    """

    on_ready: Callable[[], None]
    """Called (never from inside a `submit_*`) when `take` has something."""

    def submit_write(self, requests: Sequence[int], offset_bytes: int, view: memoryview) -> None:
        """Sends `view`, a page for each of the machine's `requests`; they complete together."""

    def submit_read(self, requests: Sequence[int], offset_bytes: int, view: memoryview) -> None:
        """Fills `view`, a page for each of the machine's `requests`; they complete together."""

    def take(self) -> list[Completed]:
        """Answers since the last call, in order."""

    def take_reconnected(self) -> bool:
        """Whether the connection was made anew since the last call; tell the machine before the answers."""

    async def close(self) -> None: ...
