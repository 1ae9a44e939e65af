"""Workers: every result comes back, from processes here and from a Dask cluster; their deaths are told; none outlives us."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clirunner import ROOT, environment

from controller.studies import workers
from controller.studies.workers import Workers
from nodes.errors import HarnessError, LackingError, UsageError

ITEMS = list(range(24))


def squared(number: int) -> int:
    return number * number


def where(_number: int) -> int:
    return os.getpid()


def fatal(_number: int) -> int:
    """A worker that the kernel kills."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def hears_interrupts(_number: int) -> bool:
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_processes_give_what_one_gives_in_order() -> None:
    with Workers(1) as alone, Workers(2) as two:
        assert alone.map(squared, ITEMS) == two.map(squared, ITEMS) == [number**2 for number in ITEMS]
        assert dict(two.each(squared, ITEMS)) == {number: number**2 for number in ITEMS}
        assert set(alone.map(where, ITEMS)) == {os.getpid()}
        assert os.getpid() not in two.map(where, ITEMS)
        assert two.map(where, [1]) == [os.getpid()], "a single thing is not worth a process"


def test_what_a_worker_raises_is_raised() -> None:
    with Workers(2) as two, pytest.raises(FileNotFoundError):
        two.map(Path.read_text, [Path("/nonexistent/a"), Path("/nonexistent/b")])


def test_workers_never_hear_an_interrupt() -> None:
    """From their first instruction on, so that they print no traceback of one."""
    with Workers(2) as two:
        assert two.map(hears_interrupts, ITEMS) == [False] * len(ITEMS)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ()), "we do"


def test_a_killed_worker_is_told() -> None:
    with pytest.raises(HarnessError, match="a worker was killed"), Workers(2) as two:
        two.map(fatal, ITEMS)


def test_so_many_jobs_are_impossible() -> None:
    with pytest.raises(UsageError, match="--jobs -1"):
        Workers(-1)


# ---- a cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    import distributed

    made: Any = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, processes=True
    )
    try:
        yield made.scheduler_address
    finally:
        made.close()


def test_a_dask_cluster_gives_the_same(cluster: str) -> None:
    with Workers(dask=cluster) as many:
        assert many.jobs == 2
        assert many.map(squared, ITEMS) == [number**2 for number in ITEMS]
        assert os.getpid() not in many.map(where, [1])


def test_a_worker_with_other_code_is_refused(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "fingerprint", lambda: "mine")
    with pytest.raises(HarnessError, match="another version of netreserve"), Workers(dask=cluster) as many:
        many.map(squared, ITEMS)


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "DASK_WAIT", "200 ms")
    with pytest.raises(LackingError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        Workers(dask="tcp://127.0.0.1:9").__enter__()
    with pytest.raises(UsageError, match="the address of a scheduler"):
        Workers(dask="somewhere").__enter__()
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LackingError, match=r"netreserve\[dask\]"):
        Workers(dask="tcp://127.0.0.1:9").__enter__()


# ---- the end of their owner

OWNER = """
import os, sys, time
from multiprocessing import get_context, freeze_support
from controller.studies.workers import Workers

def told(number):
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(600)

if __name__ == "__main__":
    with Workers(2) as workers:
        workers.map(told, [1, 2])
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_do_not_outlive_who_started_them(how: signal.Signals, tmp_path: Path) -> None:
    """However busy they are: neither one that is killed nor one that is interrupted leaves them, or waits for them."""
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    owner = subprocess.Popen(
        [sys.executable, script], env=environment(), cwd=ROOT, stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert owner.stdout is not None
    busy = [os.pidfd_open(int(owner.stdout.readline())) for _ in range(2)]
    assert not select.select(busy, [], [], 0)[0], "they live as long as their owner"
    owner.send_signal(how)
    assert owner.wait(20) != 0
    for worker in busy:
        assert select.select([worker], [], [], 20)[0]
        os.close(worker)
