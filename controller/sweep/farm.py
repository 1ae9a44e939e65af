"""Workers for a sweep: all cores of this machine, or a Dask cluster. The only importer of joblib and distributed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import joblib

from controller.scenario import Scenario
from controller.sweep.folder import fingerprint
from controller.sweep.model import Broken, Chunk, Row
from controller.sweep.work import Simulator, carry_out, in_virtual_time
from nodes.errors import HarnessError, LackingError, UsageError

DASK_WAIT = "10 s"
"""For a scheduler to answer (own)."""
ORPHAN_S = 1.0
"""A worker looks so often whether whoever started it is still there (own)."""


def workers(jobs: int | None) -> int:
    """How many processes `--jobs` means on this machine: all the cores that we may use, or so many."""
    if jobs is not None and jobs < 1:
        raise UsageError(f"{jobs} jobs: at least one is needed")
    return jobs or int(joblib.cpu_count())


def computed(
    scenario: Scenario,
    pieces: Sequence[Chunk],
    *,
    jobs: int | None = None,
    dask: str = "",
    simulator: Simulator = in_virtual_time,
) -> Generator[list[Row | Broken], None, None]:
    """The results of `pieces`, each as soon as it is there. `dask`: the address of a scheduler, whose workers then do it.
    Raises LackingError when there is no such cluster, HarnessError when workers die or run another version."""
    code = fingerprint()
    with _cluster(dask):
        backend: dict[str, Any] = {"backend": "dask"} if dask else {"backend": "loky", "n_jobs": workers(jobs)}
        with joblib.parallel_config(**backend):
            pool = joblib.Parallel(return_as="generator_unordered", batch_size=1)
            task = joblib.delayed(_on_worker)
            owner = 0 if dask else os.getpid()
            results = pool(task(scenario, piece, simulator, code, owner) for piece in pieces)
            try:
                yield from results
            except joblib.externals.loky.process_executor.TerminatedWorkerError as error:
                raise HarnessError(f"a worker was killed, perhaps for want of memory: {_first(error)}") from None
            finally:
                results.close()


def _on_worker(scenario: Scenario, piece: Chunk, simulator: Simulator, code: str, owner: int) -> list[Row | Broken]:
    if owner and os.getpid() != owner:
        _belong_to(owner)
    if fingerprint() != code:
        changed = "netreserve's own code changed while the sweep went on: what was computed is kept; start again"
        other = "a worker runs another version of netreserve than this one: install the same everywhere"
        raise HarnessError(changed if owner else other)
    return carry_out(scenario, piece, simulator)


_owned = threading.Event()
"""Set in a worker process that looks after its owner already."""


def _belong_to(owner: int) -> None:
    """Ctrl-C is for the process that started this one to handle, and when it was killed, this one ends too."""
    if _owned.is_set():
        return
    _owned.set()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(owner,), daemon=True).start()


def _watch(owner: int) -> None:
    while os.getppid() == owner:
        time.sleep(ORPHAN_S)
    os._exit(1)


def _cluster(address: str) -> AbstractContextManager[Any]:
    """A connection to the Dask scheduler at `address`; nothing for an empty one."""
    if not address:
        return nullcontext()
    if not address.startswith(("tcp://", "tls://", "ws://", "wss://", "ucx://")):
        raise UsageError(
            f"--dask '{address}': the address of a scheduler is needed, for example 'tcp://127.0.0.1:8786'"
        )
    try:
        import distributed
    except ImportError:
        raise LackingError("Dask is not installed: install netreserve[dask] (uv sync --extra dask)") from None
    try:
        client: Any = distributed.Client(  # type: ignore[no-untyped-call]
            address, timeout=DASK_WAIT, set_as_default=True
        )
    except (OSError, TimeoutError, ValueError) as error:
        raise LackingError(f"no Dask scheduler answers at {address}: {_first(error)}") from None
    if not client.scheduler_info(n_workers=-1)["workers"]:
        client.close()
        raise LackingError(f"the Dask scheduler at {address} has no workers: start some, with dask worker {address}")
    connected: AbstractContextManager[Any] = client
    return connected


def _first(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
