"""No flood is lost, whenever it begins: the run by hand that is about to end takes it, or a new one begins before it. In
virtual time, at every offset around the end of a run that a policy switch began."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import virtualtime

from controller.experiment.record import Result
from controller.service import activity, recorder
from controller.service.conductor import Conductor
from controller.service.connections import Parts, Timing
from controller.service.floodwatch import FloodWatch
from controller.service.locust import FloodState
from controller.service.nodes import Node
from controller.service.recorder import Recorder
from controller.store.database import Database
from nodes.agent.tasks import end
from nodes.config import InitiatorSpec, MachineConfig, PolicySpec
from nodes.messages import Desired, Sample, Status
from nodes.units import SECOND_NS
from traffic.profiles import DEFAULT_SINKS

SAMPLE_S = 0.1
SWITCH_S = 20.0
DRAWING_S = 6.0
"""On two busy cores a report takes as long."""
WARMUP_NS = 9 * SECOND_NS


class Scene:
    """A daemon without its broker: one live machine at `pps` while junk flows, and a Locust that tells of it late."""

    def __init__(self, runs: Path, flood_s: float, lasts_s: float, told_s: float) -> None:
        self._began_s, self._ended_s, self._told_s = flood_s, flood_s + lasts_s, told_s
        self.results: list[Result] = []
        self.node = Node("initiator", "initiator-1")
        self.node.status = Status(node="initiator-1", role="initiator", state="online", address="198.18.1.11")
        spec = InitiatorSpec(
            machine=MachineConfig(), policy=PolicySpec(name="none"), sinks=DEFAULT_SINKS, target="198.18.1.21:10809"
        )
        self.node.desired = Desired(seq=1, run="idle-1", spec=spec)
        self.database = Database.of(runs, "")
        self.database.create()
        nodes: Any = SimpleNamespace(online=self._online, listen=lambda hear: lambda: None)
        locust: Any = SimpleNamespace(state=self._state, url="")
        self.recorder = Recorder(self.database, runs)
        self.parts = Parts(nodes=nodes, recorder=self.recorder, locust=locust, engine=None, timing=Timing())
        self.watch = FloodWatch(self.parts)
        bus: Any = SimpleNamespace(publish=self._publish)
        self.conductor = Conductor(self.parts, self.watch, bus)

    async def measure(self) -> None:
        sample = Sample(t_ns=0, node="initiator-1", run="idle-1", policy="none", state="running")
        for number in range(1_000_000):
            now_s = asyncio.get_running_loop().time()
            flooded_s = max(0.0, min(now_s, self._ended_s) - self._began_s)
            sample = msgspec.structs.replace(
                sample, t_ns=time.time_ns(), free_pages=350, min_pages=256, low_pages=320, high_pages=384,
                swap_out_pages=7000 + 100 * number, swap_in_pages=100 * number, progress_pages=5000 + 100 * number,
                verified_pages=9000 + number, rx_packets=100 * number, junk_packets=40_000 + round(1000 * flooded_s),
            )  # fmt: skip
            self.node.samples.append(sample)
            self.recorder.take(sample)
            await asyncio.sleep(SAMPLE_S)

    def _online(self, role: str, tier: str = "") -> list[Node]:
        return [self.node] if role == "initiator" else []

    async def _state(self) -> FloodState:
        now_s = asyncio.get_running_loop().time()
        going = self._began_s + self._told_s <= now_s < self._ended_s + self._told_s
        return FloodState(state="running" if going else "stopped", user_count=2 if going else 0)

    async def _publish(self, topic: str, message: Any, **_: object) -> None:
        if message.result is not None:
            self.results.append(message.result)


@contextlib.asynccontextmanager
async def alive(scene: Scene) -> AsyncIterator[None]:
    work = (scene.measure, scene.recorder.run, scene.watch.run, scene.conductor.follow_floods)
    tasks = [asyncio.create_task(task()) for task in work]
    try:
        yield
    finally:
        await end(*tasks)
        await scene.conductor.finished()
        scene.database.close()


@pytest.fixture(autouse=True)
def drawing_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "write_report", lambda *_: asyncio.sleep(DRAWING_S))
    monkeypatch.setattr(recorder, "FLUSH_INTERVAL_S", 10.0)  # each costs a moment of real time


def runs_with_a_flood(after_s: float, told_s: float, lasts_s: float = 10.0) -> list[Result]:
    """The results that tell of a flood which began `after_s` after a policy switch and which Locust told `told_s` later."""

    async def story() -> list[Result]:
        with tempfile.TemporaryDirectory() as runs:
            scene = Scene(Path(runs), SWITCH_S + after_s, lasts_s, told_s)
            async with alive(scene):
                await asyncio.sleep(SWITCH_S)
                async with scene.conductor.recorded():
                    await asyncio.sleep(0.05)
                await asyncio.sleep(after_s + lasts_s + 40)
            return scene.results

    return [result for result in virtualtime.run(story) if any(phase.name == "flood" for phase in result.phases)]


@pytest.mark.parametrize("told_s", [0.1, 0.7, 1.9])
def test_a_flood_around_the_end_of_a_run_is_recorded_once_with_its_warmup(told_s: float) -> None:
    for tenths in (*range(120, 190, 2), 205, 230):
        after_s = tenths / 10
        found = runs_with_a_flood(after_s, told_s)
        assert len(found) == 1, f"{after_s} s: {len(found)} runs"
        warmup, flood, heal = found[0].phases
        began_ns = virtualtime.EPOCH_NS + round((SWITCH_S + after_s) * SECOND_NS)
        assert (warmup.name, flood.name, heal.name) == ("warmup", "flood", "heal")
        assert warmup.end_ns - warmup.start_ns >= WARMUP_NS, f"{after_s} s"
        assert abs(flood.start_ns - began_ns) <= 2 * SAMPLE_S * SECOND_NS, f"{after_s} s"
        assert found[0].verdict == "healthy", found[0].sentence


def test_a_flood_that_is_over_before_the_last_report_is_drawn_is_not_lost() -> None:
    found = runs_with_a_flood(16.0, 0.3, lasts_s=1.0)
    assert [result.verdict for result in found] == ["healthy"]


def test_figures_of_a_run_count_from_its_beginning() -> None:
    (result,) = runs_with_a_flood(30.0, 0.3)
    lasted_s = (result.phases[-1].end_ns - result.phases[0].start_ns) / SECOND_NS
    assert 0 < result.nodes[0].verified_pages <= lasted_s / SAMPLE_S + 1, "one page in each sample, 9000 before the run"
