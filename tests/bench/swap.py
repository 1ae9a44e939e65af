"""(b) Swap pages a second of the initiator, beside fio's nbd engine on the same target and queue depth.

The target is nbdkit as the target container starts it, in a namespace of its own; fio and the initiator's arm (without
touch rate or link limits) use it in turn from the other end of a cable, ROUNDS times. A page is 4 KiB, in either direction.
fio sends one page a request; the initiator sends neighbouring pages in one, as the kernel's block layer does.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from armremote import serve_arm
from figures import Figure
from netspaces import RIGHT, Remote, pair
from systemlibnbd import usable

from nodes.config import BLOCK_PORT, InitiatorSpec, MachineConfig, PolicySpec, TargetSpec
from nodes.messages import Desired, Sample
from nodes.target.server import Server

ROUNDS, SECONDS = 5, 3.0
DEPTHS = (16, 64)
PATTERNS = {"rw": "sequential", "randrw": "random"}
"""fio's names of half reads and half writes, which is what a machine under pressure does."""
STEADY_PAGES, STEADY_S = 2000, 30.0
"""The initiator is measured when so many pages have come back, which must happen in so many seconds."""
AIM = 0.7


class Rate(NamedTuple):
    """Pages in and out a second, and CPU seconds a second at each end."""

    pages_per_s: float
    cpu: float
    target_cpu: float


class Bench(NamedTuple):
    """Where to measure: the namespace to measure from, and the target at the other end."""

    space: str
    target: Remote

    def target_cpu_s(self) -> float:
        cpu_s: float = self.target.ask("cpu")
        return cpu_s


def figures() -> Iterator[Figure]:
    """Measures. Raises RuntimeError when fio or libnbd is missing."""
    with tempfile.TemporaryDirectory() as folder, usable(Path(folder)) as found, _bench() as bench:
        if not found or shutil.which("fio") is None:
            raise RuntimeError("needs fio (with its nbd engine) and python3-libnbd for this Python")
        _fio(bench, "write", 16)  # the store has all pages before anybody is measured
        for depth in DEPTHS:
            yield from _compare(bench, depth)


def _compare(bench: Bench, depth: int) -> Iterator[Figure]:
    peers: dict[str, list[Rate]] = {pattern: [] for pattern in PATTERNS}
    ours = []
    for _ in range(ROUNDS):
        for pattern, rates in peers.items():
            rates.append(_fio(bench, pattern, depth))
        ours.append(_initiator(bench, depth))
    own = _median(ours)
    for pattern, rates in peers.items():
        peer = _median(rates)
        ratio = statistics.median(own.pages_per_s / rate.pages_per_s for own, rate in zip(ours, rates, strict=True))
        yield Figure(
            part="b",
            name=f"swap, {depth} in flight, fio {PATTERNS[pattern]}",
            value=own.pages_per_s,
            unit="pages/s",
            aim=f"{AIM} of fio",
            met=ratio >= AIM,
            peer=peer.pages_per_s,
            peer_name="fio",
            ratio=ratio,
            remark=f"CPU {own.cpu:.2f} + nbdkit {own.target_cpu:.2f}; fio {peer.cpu:.2f} + nbdkit {peer.target_cpu:.2f}",
        )


def _median(rates: list[Rate]) -> Rate:
    return Rate(*map(statistics.median, zip(*rates, strict=True)))


def _fio(bench: Bench, pattern: str, depth: int) -> Rate:
    line = ["ip", "netns", "exec", bench.space, "fio", "--name=peer", "--ioengine=nbd", "--bs=4k", "--size=96M"]
    line += [f"--uri=nbd://{RIGHT}:{BLOCK_PORT}", f"--rw={pattern}", f"--iodepth={depth}", "--output-format=json"]
    if pattern in PATTERNS:
        line += ["--time_based", f"--runtime={SECONDS}"]
    cpu_s = bench.target_cpu_s()
    said = subprocess.run(line, capture_output=True, check=True, text=True).stdout
    job = json.loads(said[said.index("{") :])["jobs"][0]  # its engine prints a line of its own first
    cpu_s = bench.target_cpu_s() - cpu_s
    pages_per_s = job["read"]["iops"] + job["write"]["iops"]
    return Rate(pages_per_s, (job["usr_cpu"] + job["sys_cpu"]) / 100, cpu_s * 1000 / job["job_runtime"])


def _initiator(bench: Bench, depth: int) -> Rate:
    machine = MachineConfig(touch_pages_per_s=0, tasks=depth, queue_depth=depth)
    spec = InitiatorSpec(machine=machine, policy=PolicySpec(name="memalloc"), target=f"{RIGHT}:{BLOCK_PORT}")
    with Remote(bench.space, serve_arm) as arm:
        answer = arm.ask(("apply", Desired(seq=1, run="bench", spec=spec)))
        assert not answer.error, answer.error
        first, cpu_s = _steady(arm), bench.target_cpu_s()
        time.sleep(SECONDS)
        last, cpu_s = _sample(arm), bench.target_cpu_s() - cpu_s
        assert last.corrupt_pages == 0 and last.pump_drops == 0, last
        arm.ask(("close",))
    seconds = (last.t_ns - first.t_ns) / 1e9
    pages = last.swap_in_pages - first.swap_in_pages + last.swap_out_pages - first.swap_out_pages
    return Rate(pages / seconds, (last.cpu_ns - first.cpu_ns) / 1e9 / seconds, cpu_s / seconds)


def _steady(arm: Remote) -> Sample:
    end = time.monotonic() + STEADY_S
    while (sample := _sample(arm)).verified_pages < STEADY_PAGES:
        assert time.monotonic() < end, f"no pressure within {STEADY_S} s: {sample}"
        time.sleep(0.05)
    return sample


def _sample(arm: Remote) -> Sample:
    sample: Sample = arm.ask(("sample",))
    return sample


@contextmanager
def _bench() -> Iterator[Bench]:
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as store,  # memory, as in the target container
        pair() as (left, right),
        Remote(right, partial(_serve, Path(store))) as target,
    ):
        assert target.answer() == "ready"
        yield Bench(left, target)


def _serve(store: Path, connection: Connection) -> None:
    asyncio.run(_serve_until_told(store, connection))


async def _serve_until_told(store: Path, connection: Connection) -> None:
    server, loop = Server(store, RIGHT, BLOCK_PORT), asyncio.get_running_loop()
    await server.start(TargetSpec())
    connection.send("ready")
    while await loop.run_in_executor(None, connection.recv) is not None:
        times = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
        connection.send((int(times[11]) + int(times[12])) / 100)  # utime and stime, USER_HZ
    await server.stop()
