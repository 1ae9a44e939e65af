"""What a driver needs of the swap device, network or local."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nodes.machine.events import Completed


class Disk(Protocol):
    """A swap device of page slots. Buffers passed in must stay untouched by their owner until the request completes.

    Requests that are lost with a connection are forgotten: after `Reconnected` the machine issues them again.
    """

    on_ready: Callable[[], None]
    """Called (never from inside a `submit_*`) when `take` has something."""

    def submit_write(self, request: int, offset_bytes: int, view: memoryview) -> None: ...

    def submit_read(self, request: int, offset_bytes: int, view: memoryview) -> None: ...

    def take(self) -> list[Completed]:
        """Answers since the last call, in order."""

    def take_reconnected(self) -> bool:
        """Whether the connection was made anew since the last call; tell the machine before the answers."""

    async def close(self) -> None: ...
