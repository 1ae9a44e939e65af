"""The controller's daemon with a real broker, scripted nodes and a stand-in for Locust: everything but containers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from brokers import Broker, until
from scriptednode import ScriptedNode
from standinlocust import StandInLocust

from controller.api import Failed, Progress, RunStarted, Show, StartRun, State
from controller.bus.client import Answer, Client
from controller.experiment.record import Result, RunRow
from controller.service.connections import Timing
from controller.service.daemon import Beside, Config, serve
from controller.store.archive import Archive
from controller.store.recorded import Recorded
from nodes.agent.access import Broker as Address
from nodes.agent.access import read_credentials
from nodes.agent.tasks import end
from nodes.errors import HarnessError

SECOND_NS = 1_000_000_000
QUICK = Timing(
    ack_deadline_s=1.5,
    flood_deadline_s=1.5,
    poll_interval_s=0.05,
    progress_interval_s=0.1,
    heal_extension_ns=15 * SECOND_NS,
    adhoc_heal_ns=SECOND_NS,
    furnish_delay_s=0.2,
)
SCENARIO = """
name: brief
nodes:
  initiator: {count: 1, memory: 80 MiB, min_free: 1 MiB, nic: e1000e, working_set: 96 MiB, touch_rate: 50 kpages/s}
  target: {count: 1, size: 256 MiB}
policy: memalloc
floods:
  - {kind: udp, rate: 1 kpps, size: 1400 B, sockets: 4, reader: stalled, rcvbuf: 4 MiB}
phases: {warmup: 1500 ms, flood: 600 ms, heal: 500 ms}
expect:
  - verdict: healthy
"""


class Testbed:
    """What a test has in its hands. `operator` asks, `progress` is all that the controller told so far."""

    __test__ = False

    def __init__(self, broker: Broker, locust: StandInLocust, runs: Path) -> None:
        self.broker, self.locust, self.runs = broker, locust, runs
        self.initiator = ScriptedNode(broker, "initiator", "initiator-1", "198.18.1.11")
        self.initiator.junk_pps = lambda: locust.rate_pps
        self.target = ScriptedNode(broker, "target", "target-1", "198.18.1.21")
        self.operator = Client(f"127.0.0.1:{broker.port}", read_credentials(self.operator_file))
        self.progress: list[Progress] = []

    @property
    def operator_file(self) -> Path:
        return self.broker.folder / "runs" / ".operator.json"

    @property
    def config(self) -> Config:
        return Config(
            broker=Address("127.0.0.1", self.broker.port),
            credentials=read_credentials(self.broker.folder / "controller" / "credentials.json"),
            runs_folder=self.runs,
            database_url="",
            locust_url=self.locust.url,
            docker_url="",
            project="netreserve-test",
            timing=QUICK,
        )

    async def state(self) -> State:
        answer = await self.operator.ask(Show())
        assert isinstance(answer, State), answer
        return answer

    async def start(self, scenario: str = SCENARIO, **more: object) -> RunStarted:
        answer = await self.ask_start(scenario, **more)
        assert isinstance(answer, RunStarted), answer
        return answer

    async def ask_start(self, scenario: str = SCENARIO, **more: object) -> Answer:
        return await self.operator.ask(msgspec.structs.replace(StartRun(scenario=scenario), **more))

    async def phase(self, name: str) -> None:
        """Until the controller tells of a run's phase `name`."""
        seen = len(self.progress)
        await until(lambda: any(item.phase == name for item in self.progress[seen:]))

    async def told(self, message: str) -> None:
        """Until the controller tells `message` of a run."""
        await until(lambda: any(item.message == message for item in self.progress))

    async def result(self, run: str = "", deadline_s: float = 30.0) -> Result:
        """The next result that the controller tells (of `run`)."""
        found = await until(
            lambda: [item.result for item in self.progress if item.result and run in item.run], deadline_s
        )
        assert isinstance(found[-1], Result)
        return found[-1]

    def record(self, name: str = "latest") -> Recorded:
        archive = Archive(self.runs)
        try:
            return archive.load(name)
        finally:
            archive.close()

    def row(self, name: str = "latest") -> RunRow:
        """Of a run in the index."""
        archive = Archive(self.runs)
        try:
            return archive.find(name)
        finally:
            archive.close()

    async def settled(self, deadline_s: float = 30.0) -> None:
        """Until both nodes have their default settings in force and send samples under them."""
        await until(lambda: self.initiator.run.startswith("idle-") and self.target.run.startswith("idle-"), deadline_s)
        await until(lambda: self.initiator.progress_pages > 300)

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(HarnessError):  # a controller that goes away may come back
                async for progress in self.operator.progress():
                    self.progress.append(progress)


@contextlib.asynccontextmanager
async def whole_bed(broker: Broker, runs: Path, *, daemon: bool = True) -> AsyncIterator[Testbed]:
    """Everything up, default settings in force; with `daemon` False the test brings the controller itself."""
    with StandInLocust() as locust:
        bed = Testbed(broker, locust, runs)
        async with bed.target, bed.initiator, bed.operator, serving(bed.config) if daemon else contextlib.nullcontext():
            listener = asyncio.create_task(bed._listen())
            try:
                if daemon:
                    await bed.settled()
                yield bed
            finally:
                await end(listener)


@contextlib.asynccontextmanager
async def serving(config: Config, beside: Beside | None = None) -> AsyncIterator[asyncio.Task[None]]:
    """The daemon, in this event loop."""
    task = asyncio.create_task(serve(config, beside))
    try:
        yield task
    finally:
        async with asyncio.timeout(10):
            await end(task)


@contextlib.asynccontextmanager
async def process(config: Config, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The daemon, or another command of its container, in a process of its own; a test that fails leaves none behind."""
    env = os.environ | {
        "NETRESERVE_BROKER": str(config.broker),
        "NETRESERVE_CREDENTIALS": config.credentials.source if config.credentials else "",
        "NETRESERVE_RUNS": str(config.runs_folder),
        "NETRESERVE_LOCUST": config.locust_url,
        "DOCKER_HOST": "",
    }
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "controller", *arguments, env=env)
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


def failed(answer: Answer) -> Failed:
    """`answer`, which must be a refusal."""
    assert isinstance(answer, Failed), answer
    return answer
