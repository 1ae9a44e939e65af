"""Workers for a study: processes on the cores of this machine, or a Dask cluster. The only importer of distributed.

Ctrl-C is for the process that started them to act on: a worker is started with the signal blocked, so that it never sees
one. A worker ends by itself when its owner has ended, however that came about, or has had enough of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from itertools import islice
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self, TypeVar

from controller.studies.code import fingerprint
from nodes.errors import HarnessError, LackingError, UsageError

T = TypeVar("T")
R = TypeVar("R")

DASK_WAIT = "10 s"
"""For a scheduler to answer (own)."""
AHEAD = 2
"""Pieces handed out at a time for each worker, so that none waits for its next one (own)."""
CHANGED = "netreserve's own code changed meanwhile: what was computed is kept; start again"
OTHER_VERSION = "a worker runs another version of netreserve than this one: install the same everywhere"


class Workers:
    """A context manager. `jobs`: how many processes, 0 for one per core that we may use; with one, or where a single thing
    is asked, the work is done here. `dask`: the address of a scheduler whose workers do it instead. Raises UsageError,
    and LackingError when there is no such cluster."""

    def __init__(self, jobs: int = 0, dask: str = "") -> None:
        if jobs < 0:
            raise UsageError(f"--jobs {jobs}: 0 (one per core) or more is needed")
        self.jobs = jobs or len(os.sched_getaffinity(0))
        self._dask, self._stack = dask, ExitStack()
        self._executor: Executor | None = None

    def __enter__(self) -> Self:
        if self._dask:
            client = self._stack.enter_context(_cluster(self._dask))
            self.jobs = sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
            self._executor = client.get_executor()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def map(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """`function` of each item, in their order. Raises as `each` does."""
        found = dict(self.each(function, items))
        return [found[number] for number in range(len(items))]

    def each(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]:
        """The number of each item, from 0, with `function` of it, as soon as it is there. Raises what that raises, and
        HarnessError when workers die or run another version."""
        if not self._dask and (self.jobs == 1 or len(items) < 2):
            yield from ((number, function(item)) for number, item in enumerate(items))
            return
        waiting, running = enumerate(items), dict[Future[R], int]()
        try:
            while True:
                for number, item in islice(waiting, self.jobs * AHEAD - len(running)):
                    running[self._submit(function, item)] = number
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool:
            raise HarnessError("a worker was killed, perhaps for want of memory: try fewer --jobs") from None
        finally:
            for future in running:
                future.cancel()

    def _submit(self, function: Callable[[T], R], item: T) -> Future[R]:
        if self._executor is None:
            self._executor = self._stack.enter_context(_processes(self.jobs))
        told = OTHER_VERSION if self._dask else CHANGED
        with _interrupts_blocked():  # a worker may be started here
            return self._executor.submit(_work, function, item, fingerprint(), told)


def _work(function: Callable[[T], R], item: T, code: str, told: str) -> R:
    """On a worker."""
    if fingerprint() != code:
        raise HarnessError(told)
    return function(item)


@contextlib.contextmanager
def _processes(jobs: int) -> Iterator[Executor]:
    """So many processes here. They share the end of a line: when our end closes, also because we died, they leave."""
    theirs, ours = Pipe(duplex=False)
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_belong_to, initargs=(theirs,))
    try:
        yield pool
    except BaseException:
        ours.close()  # whatever they compute, nobody wants it any more
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        ours.close()
        theirs.close()


def _belong_to(line: Connection) -> None:
    """In a worker, first of all."""
    threading.Thread(target=_leave_with, args=(line,), daemon=True).start()


def _leave_with(line: Connection) -> None:
    line.poll(None)
    os._exit(1)


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Ctrl-C comes after it. Processes that are started within never get one: they inherit the mask."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cluster(address: str) -> Any:
    """A connection to the Dask scheduler at `address`, which has workers; a context manager."""
    if not address.startswith(("tcp://", "tls://", "ws://", "wss://", "ucx://")):
        raise UsageError(
            f"--dask '{address}': the address of a scheduler is needed, for example 'tcp://127.0.0.1:8786'"
        )
    try:
        import distributed
    except ImportError:
        raise LackingError("Dask is not installed: install netreserve[dask] (uv sync --extra dask)") from None
    try:
        client: Any = distributed.Client(address, timeout=DASK_WAIT)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise LackingError(f"no Dask scheduler answers at {address}: {_first(error)}") from None
    if not client.scheduler_info(n_workers=-1)["workers"]:
        client.close()
        raise LackingError(f"the Dask scheduler at {address} has no workers: start some, with dask worker {address}")
    return client


def _first(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
