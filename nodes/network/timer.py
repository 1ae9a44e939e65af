"""A timer that is precise to microseconds in an event loop: asyncio's own round up to a millisecond."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable


class PreciseTimer:
    """Calls `callback()` once when the armed deadline has passed. Deadlines are `time.monotonic_ns`.

    A timerfd where Python offers it (3.13), else the loop's own timer, up to a millisecond late.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop, self._callback = loop, callback
        self._deadline_ns: int | None = None
        self._fd = -1
        self._handle: asyncio.TimerHandle | None = None
        if sys.version_info >= (3, 13):
            self._fd = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)
            loop.add_reader(self._fd, self._expired)

    def arm(self, deadline_ns: int | None) -> None:
        """Replaces the deadline; one that has passed calls at once, None disarms."""
        if deadline_ns == self._deadline_ns:
            return
        self._deadline_ns = deadline_ns
        if sys.version_info >= (3, 13):
            # An initial time of 0 would disarm.
            os.timerfd_settime_ns(
                self._fd, flags=os.TFD_TIMER_ABSTIME, initial=max(deadline_ns or 0, deadline_ns is not None)
            )
            return
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if deadline_ns is not None:
            delay_s = max(0, deadline_ns - time.monotonic_ns()) / 1e9
            self._handle = self._loop.call_later(delay_s, self._expired)

    def close(self) -> None:
        """Disarms for good."""
        self._deadline_ns = None
        if self._handle is not None:
            self._handle.cancel()
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _expired(self) -> None:
        if self._fd >= 0:
            try:
                os.read(self._fd, 8)
            except BlockingIOError:  # armed anew since it became readable
                return
        self._deadline_ns = None
        self._callback()
