"""(c), (d), (e): figures of the compose testbed, which must be up to date, and which nobody else may use meanwhile."""

from __future__ import annotations

import asyncio
import csv
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from composed import ROOT, netreserve
from figures import Figure

from controller.api import Failed, SetPolicy, Show, State
from controller.bus.client import Client
from controller.cli.session import client
from controller.experiment.record import NodeVerdict, Result
from controller.experiment.scenario import load
from nodes.config import PolicySpec
from nodes.units import PAGE_BYTES

MIB = 1 << 20
CHANGES, INITIATORS, AIM_MS = 200, 8, 100
AIM_MIB = 48
MANY, TARGETS = 16, 8
"""Initiators of part e, and targets: two swap areas of 96 MiB fit each target's 256 MiB."""
READY_S, RUN_S, PAUSE_S = 120.0, 600.0, 0.05
"""The pause between changes is not a multiple of the nodes' 10 Hz, or of the workload's rhythm."""


def acknowledgement() -> Iterator[Figure]:
    """(c) From asking the controller for a policy on all of INITIATORS live machines to its answer that all have it in
    force, read back: what `netreserve policy set` waits for, without the start of the command."""
    _scale(INITIATORS, 1)
    took_ms = sorted(asyncio.run(_change_policies()))
    for name, value in (("p50", statistics.median(took_ms)), ("p99", took_ms[int(0.99 * len(took_ms))])):
        bound = name == "p99"
        yield Figure(
            part="c",
            name=f"policy change to acknowledgement, {name}",
            value=value,
            unit="ms",
            aim=f"under {AIM_MS} ms" if bound else "",
            met=value < AIM_MS if bound else None,
            remark=f"{len(took_ms)} changes on {INITIATORS} initiators, longest {took_ms[-1]:.0f} ms",
        )


async def _change_policies() -> list[float]:
    async with client() as controller:
        await _until_all_swap(controller)
        took_ms = []
        for number in range(CHANGES):
            policy = PolicySpec(name=("memalloc", "none")[number % 2])
            start_s = time.perf_counter()
            answer = await controller.ask(SetPolicy(policy=policy))
            took_ms.append((time.perf_counter() - start_s) * 1000)
            if isinstance(answer, Failed):
                raise RuntimeError(f"change {number + 1}: {answer.message}")
            await asyncio.sleep(PAUSE_S)
        return took_ms


async def _until_all_swap(controller: Client) -> None:
    """Until each initiator has a machine in force; the first changes then meet what the last ones meet."""
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        state = await controller.ask(Show())
        if isinstance(state, State) and _furnished(state) >= INITIATORS:
            return
        await asyncio.sleep(0.5)
    raise RuntimeError(f"not all {INITIATORS} initiators have a machine within {READY_S:g} s")


def _furnished(state: State) -> int:
    nodes = [node for node in state.nodes if node.status.role == "initiator" and node.status.state == "online"]
    return sum(node.reported is not None and node.reported.spec is not None for node in nodes)


def memory() -> Iterator[Figure]:
    """(d) The most that an initiator held in a run of scenarios/classic.yaml above what its modelled pool had given out."""
    _scale(1, 1)
    folder, (initiator,) = _run(ROOT / "scenarios" / "classic.yaml")
    above_mib = max(_above_pool_mib(folder))
    yield Figure(
        part="d",
        name="initiator's memory above its modelled pool",
        value=above_mib,
        unit="MiB",
        aim=f"under {AIM_MIB} MiB",
        met=above_mib < AIM_MIB,
        remark=f"most in a run of classic ({initiator.verdict})",
    )


def _above_pool_mib(folder: Path) -> Iterator[float]:
    pool_pages = load(folder / "scenario.yaml").nodes.initiator.memory_pages
    with (folder / "samples.csv").open() as file:
        for row in csv.DictReader(file):
            if row["node"].startswith("initiator") and row["state"] != "idle":
                allocated_pages = pool_pages - int(row["free_pages"])
                yield (int(row["rss_bytes"]) - allocated_pages * PAGE_BYTES) / MIB


def many() -> Iterator[Figure]:
    """(e) Healthy initiators of MANY in scenarios/calm.yaml, all at once on this machine."""
    _scale(MANY, TARGETS)
    text = (ROOT / "scenarios" / "calm.yaml").read_text()
    for one, several in (("initiator: {count: 1,", MANY), ("target: {count: 1,", TARGETS)):
        assert one in text
        text = text.replace(one, one.replace("1", str(several)))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        _, initiators = _run(Path(file.name))
    verdicts = [initiator.verdict for initiator in initiators]
    pages_per_s = statistics.mean(initiator.warmup_pages_per_s for initiator in initiators)
    healthy = verdicts.count("healthy")
    yield Figure(
        part="e",
        name="initiators healthy in calm at once",
        value=healthy,
        unit=f"of {MANY}",
        aim=str(MANY),
        met=healthy == MANY,
        remark=f"{pages_per_s:.0f} pages/s each, of 2000 asked",
    )


def _scale(initiators: int, targets: int) -> None:
    done = netreserve("up", "--scale", f"initiator={initiators}", "--scale", f"target={targets}")
    if done.returncode:
        raise RuntimeError(f"netreserve up: exit {done.returncode}: {done.stderr[-500:]}")


def _run(scenario: Path) -> tuple[Path, list[NodeVerdict]]:
    """The folder of a run, and what became of its initiators. Raises RuntimeError when it came to no result."""
    done = netreserve("run", str(scenario), "--tier", "container", "--json", seconds=RUN_S)
    if done.returncode not in (0, 1, 5):
        raise RuntimeError(f"netreserve run {scenario.name}: exit {done.returncode}: {done.stderr[-500:]}")
    folder = Path(json.loads(done.stdout.splitlines()[-1])["report"]).parent
    return folder, list(msgspec.json.decode((folder / "result.json").read_bytes(), type=Result).nodes)
