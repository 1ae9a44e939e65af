"""Workers: all of a chunk's results come back, from processes here and from a Dask cluster; their deaths are told."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from clirunner import ROOT, environment
from msgspec import structs
from sweptgrids import by_reserve, classic, plan

from controller.scenario import Scenario
from controller.sweep import farm
from controller.sweep.chunks import chunks
from controller.sweep.farm import computed
from controller.sweep.model import Broken, Plan, Row
from controller.sweep.work import Simulated
from nodes.errors import HarnessError, LackingError, UsageError

ASKED = plan("nodes.initiator.min_free=1M..8M:log4", "floods.0.rate=1k,2k,3k", seeds=2)


def flat(asked: Plan, **how: Any) -> list[Row | Broken]:
    pieces = chunks(asked, range(asked.points), workers=2)
    results = computed(classic(), pieces, simulator=how.pop("simulator", by_reserve), **how)
    return sorted((row for rows in results for row in rows), key=lambda row: row.point)


def in_whose(scenarios: Sequence[Scenario]) -> Iterator[Simulated]:
    """As `by_reserve`; the process that did it stands in the reason."""
    for judgement, samples in by_reserve(scenarios):
        time.sleep(0.02)  # so that no worker can do all before the other has started
        node = structs.replace(judgement.nodes[0], reason=str(os.getpid()))
        yield structs.replace(judgement, nodes=(node,)), samples


def test_processes_give_what_one_gives() -> None:
    alone = flat(ASKED, jobs=1)
    assert [row.point for row in alone] == [*range(24)] and all(isinstance(row, Row) for row in alone)
    assert flat(ASKED, jobs=2) == alone
    where = {row.reason for row in flat(ASKED, jobs=2, simulator=in_whose) if isinstance(row, Row)}
    assert str(os.getpid()) not in where


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
    assert flat(ASKED, dask=cluster) == flat(ASKED, jobs=1)
    where = {row.reason for row in flat(ASKED, dask=cluster, simulator=in_whose) if isinstance(row, Row)}
    assert len(where) == 2 and str(os.getpid()) not in where


def test_a_worker_with_other_code_is_refused(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm, "fingerprint", lambda: "mine")
    with pytest.raises(HarnessError, match="another version of netreserve"):
        flat(ASKED, dask=cluster)


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm, "DASK_WAIT", "200 ms")
    with pytest.raises(LackingError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        flat(ASKED, dask="tcp://127.0.0.1:9")
    with pytest.raises(UsageError, match="the address of a scheduler"):
        flat(ASKED, dask="somewhere")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LackingError, match=r"netreserve\[dask\]"):
        flat(ASKED, dask="tcp://127.0.0.1:9")
    with pytest.raises(UsageError, match="0 jobs"):
        flat(ASKED, jobs=0)


def fatal(scenarios: Sequence[Scenario]) -> Iterator[Simulated]:
    """A worker that the kernel kills."""
    os.kill(os.getpid(), signal.SIGKILL)
    yield from by_reserve(scenarios)


def test_a_killed_worker_is_told() -> None:
    with pytest.raises(HarnessError, match="a worker was killed"):
        flat(ASKED, jobs=2, simulator=fatal)


def test_workers_do_not_outlive_who_started_them() -> None:
    """A sweep that is killed leaves no process behind."""
    script = (
        "import os, time\n"
        "from controller.sweep import farm\n"
        "owner = os.getpid()\n"
        "if not os.fork():\n"
        "    farm._belong_to(owner)\n"
        "    print(os.getpid(), flush=True)\n"
        "time.sleep(600)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], env=environment(), cwd=ROOT, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    worker = os.pidfd_open(int(owner.stdout.readline()))
    assert not select.select([worker], [], [], 0)[0], "it lives as long as its owner"
    owner.kill()
    owner.wait()
    assert select.select([worker], [], [], 20)[0]
    os.close(worker)
