"""A local disk: the baseline that needs no packet to complete a write (physics.md section 11)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from nodes.errors import LackingError
from nodes.machine.events import Completed


class FileDisk:
    """Swap in the file `path`, made with `size_bytes` and removed on close. Raises LackingError where that cannot be.

    Requests are done at once by the page cache and answered in the loop's next round.
    """

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.on_ready: Callable[[], None] = lambda: None
        self._path = path
        self._done: list[Completed] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._fd, size_bytes)
        except OSError as error:
            raise LackingError(f"no local swap file {path}: {error.strerror}; mount a volume there") from None

    def submit_write(self, requests: Sequence[int], offset_bytes: int, view: memoryview) -> None:
        self._answer(requests, view, lambda: os.pwrite(self._fd, view, offset_bytes))

    def submit_read(self, requests: Sequence[int], offset_bytes: int, view: memoryview) -> None:
        self._answer(requests, view, lambda: os.preadv(self._fd, [view], offset_bytes))

    def take(self) -> list[Completed]:
        done, self._done = self._done, []
        return done

    def take_reconnected(self) -> bool:
        return False

    async def close(self) -> None:
        os.close(self._fd)
        self._path.unlink(missing_ok=True)

    def _answer(self, requests: Sequence[int], view: memoryview, transfer: Callable[[], int]) -> None:
        try:
            error = 0 if transfer() == len(view) else 5  # EIO: a short transfer on a file of full size
        except OSError as failure:
            error = failure.errno or 5
        if not self._done:
            asyncio.get_running_loop().call_soon(self.on_ready)
        self._done.extend(Completed(request, error) for request in requests)
