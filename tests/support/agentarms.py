"""An arm that is nothing but its record: it takes what it is given, as slowly as told. Run as a script: an agent of it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from nodes.agent.access import Broker as Address
from nodes.agent.access import read_credentials
from nodes.agent.bus import Bus
from nodes.agent.loop import Agent
from nodes.config import TargetSpec
from nodes.errors import LackingError
from nodes.messages import Desired, Event, Reported, Sample, Status


class RecordingArm:
    """A target without storage. `gate` clear: `apply` waits."""

    def __init__(self, node: str = "target-1", lack: str = "") -> None:
        self.node, self.lack = node, lack
        self.applied: list[int] = []
        self.at_once, self.at_once_most = 0, 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.sampled_s: list[float] = []
        self.closed = False
        self.emit: Callable[[Event], None] | None = None

    def status(self) -> Status:
        state = "unable" if self.lack else "online"
        return Status(node=self.node, role="target", state=state, reason=self.lack, address="198.18.1.9")

    async def apply(self, desired: Desired) -> Reported:
        self.at_once += 1
        self.at_once_most = max(self.at_once, self.at_once_most)
        await self.gate.wait()
        self.at_once -= 1
        self.applied.append(desired.seq)
        if isinstance(desired.spec, TargetSpec) and desired.spec.stalled:
            raise LackingError("this arm cannot stall")
        return Reported(node=self.node, seq=desired.seq, run=desired.run, t_ns=time.time_ns(), spec=desired.spec)

    def sample(self) -> Sample:
        self.sampled_s.append(time.monotonic())
        return Sample(t_ns=time.time_ns(), node=self.node, run="", state="serving")

    async def run(self, emit: Callable[[Event], None]) -> None:
        self.emit = emit
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


async def _serve() -> None:
    account = read_credentials(Path(os.environ["NETRESERVE_CREDENTIALS"]))
    bus = Bus(Address("127.0.0.1", int(os.environ["PORT"])), account, "target", "target-1")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await Agent("target", "target-1", RecordingArm(), bus).run(stop)


if __name__ == "__main__":
    asyncio.run(_serve())
