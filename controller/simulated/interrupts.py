"""Ctrl-C while compiled code works: it has to wait for a moment when nothing of it is on the stack."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_interrupts() -> Iterator[None]:
    """Within it Ctrl-C is kept, and becomes KeyboardInterrupt at its end: compiled code takes an exception in the middle of
    arithmetic with large numbers for want of memory, and aborts the process (CPyError_OutOfMemory, mypyc/lib-rt/int_ops.c).
    Does nothing where somebody else has taken SIGINT, or outside of the main thread, which gets none."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    kept: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: kept.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if kept:
        raise KeyboardInterrupt
