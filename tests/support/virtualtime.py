"""An event loop in which time passes only when everybody waits: minutes of a daemon's life in a moment."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
EPOCH_NS = 1_800_000_000_000_000_000
"""Unix time at the beginning."""


class _Jumping(selectors.SelectSelector):
    """Waits for nothing: what it was to wait for passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everybody waits for something that never comes"
        self.now_ns += round(timeout * 1e9)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Work for threads is done at once, in no time."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jumping.now_ns / 1e9

    def time_ns(self) -> int:
        return EPOCH_NS + self._jumping.now_ns

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work()` answers, in a virtual time that `time.time_ns` and `time.monotonic` tell too."""
    loop = VirtualLoop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", loop.time_ns)
        patch.setattr(time, "monotonic", loop.time)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(work())
