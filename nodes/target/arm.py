"""The storage target as a node: a `Desired` becomes a running nbdkit and a shaped link, and what it serves is sampled."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Protocol

from nodes.arm import in_one_line
from nodes.config import BLOCK_PORT, Shape, TargetSpec
from nodes.errors import LackingError, NetreserveError, exit_code_of
from nodes.eventkinds import Harness
from nodes.messages import Desired, Event, Reported, Sample, Status
from nodes.network.interfaces import Interface
from nodes.network.link import Link
from nodes.target.requests import Served
from nodes.target.server import Server
from nodes.target.sockdiag import SockDiag

STORE = Path("/store")
"""Where the disk lies: a tmpfs of its own, so that it is as fast as memory and counts against the container's limit."""
RELAY_QUEUE = 1
"""NFQUEUE number of the link's relay, where the kernel has no netem."""
RESTART_S = 0.2
"""Between nbdkit's unexpected end and its next start (own: soon, but not a busy loop)."""


class Shaper(Protocol):
    """What the arm needs of `nodes.network.link.Link`."""

    @property
    def shape(self) -> Shape: ...

    @property
    def means(self) -> dict[str, str]: ...

    async def apply(self, request: Shape) -> tuple[Shape, dict[str, str]]: ...

    def dropped(self) -> int: ...

    async def close(self) -> None: ...


class TargetArm:
    """A storage target. The disk outlives requests, runs and nbdkit itself; only a smaller size cuts it."""

    def __init__(
        self,
        node: str,
        interface: Interface,
        *,
        store: Path = STORE,
        port: int = BLOCK_PORT,
        link: Shaper | None = None,
    ) -> None:
        self._node, self._address, self._store = node, interface.address, store
        self._port = port
        self._link: Shaper = link or Link(interface.name, Random(node), relay_number=RELAY_QUEUE)
        self._server = Server(store, interface.address, port)
        self._served: Served | None = None
        self._served_before = self._dropped_before = 0
        self._spec = TargetSpec()
        self._run = ""
        self._busy = asyncio.Lock()
        self._started = asyncio.Event()

    def status(self) -> Status:
        """`unable` where nbdkit, the store or the kernel's TCP counters are missing."""
        reason = self._lack()
        return Status(
            node=self._node,
            role="target",
            state="unable" if reason else "online",
            reason=reason,
            address=self._address,
            t_ns=time.time_ns(),
        )

    async def apply(self, desired: Desired) -> Reported:
        """Brings spec and shape in force; each is tried even if the other fails, and both are read back."""
        assert isinstance(desired.spec, TargetSpec), "the agent lets only a target's spec pass"
        spec = desired.spec
        async with self._busy:
            errors = [await _failure(self._serve(spec)), await _failure(self._link.apply(desired.shape))]
        if desired.run != self._run:
            self._run = desired.run
            self._served_before, self._dropped_before = self._count(), self._link.dropped()
        return Reported(
            node=self._node,
            seq=desired.seq,
            run=desired.run,
            t_ns=time.time_ns(),
            spec=self._server.in_force() if self._server.pid else None,
            shape=self._link.shape,
            means=self._link.means,
            error="; ".join(in_one_line(error) for error in errors if error),
            exit_code=next((exit_code_of(error) for error in errors if error), 0),
        )

    def sample(self) -> Sample:
        """What it is doing, and what was served and lost in this run."""
        return Sample(
            t_ns=time.time_ns(),
            node=self._node,
            run=self._run,
            state="down" if not self._server.pid else "stalled" if self._server.stalled else "serving",
            requests_served=self._count() - self._served_before,
            pump_drops=self._link.dropped() - self._dropped_before,
        )

    async def run(self, emit: Callable[[Event], None]) -> None:
        """Starts nbdkit again when it ends by itself, and tells so: nobody planned it, so the run is void."""
        while True:
            await self._started.wait()
            code = await self._server.died()
            async with self._busy:
                if self._server.pid or not self._started.is_set():
                    continue  # it was us, under the lock
                await asyncio.sleep(RESTART_S)
                error = await _attempt(self._start(self._spec))
            if error:
                self._started.clear()  # the next request tries again
            void = f"nbdkit ended by itself (exit code {code})"
            detail = Harness(void=void, harness=True, nbdkit_code=code, restarted=not error, error=error)
            emit(Event(t_ns=time.time_ns(), node=self._node, run=self._run, detail=detail))

    async def close(self) -> None:
        """Ends nbdkit and opens the link."""
        await self._server.stop()
        await _attempt(self._link.close())

    async def _serve(self, spec: TargetSpec) -> None:
        if self._server.needs_restart(spec):
            self._count()
            self._started.clear()
            await self._server.stop()
            await self._start(spec)
        else:
            await self._server.adjust(spec)
        self._spec = spec

    async def _start(self, spec: TargetSpec) -> None:
        await self._server.start(spec)
        if self._served is None:
            self._served = Served(SockDiag(self._port))
        self._served.follow(self._server.pid)
        self._started.set()

    def _count(self) -> int:
        return self._served.count() if self._served else 0

    def _lack(self) -> str:
        if shutil.which("nbdkit") is None:
            return "nbdkit is not installed"
        if not self._store.is_dir():
            return f"there is no folder {self._store} for the disk"
        if not Path("/proc/self/io").exists():
            return "this kernel counts no I/O of processes (CONFIG_TASK_IO_ACCOUNTING)"
        try:
            SockDiag(self._port).close()
        except LackingError as error:
            return str(error)
        return ""


async def _attempt(work: Awaitable[object]) -> str:
    """What went wrong with `work`, one line; empty when nothing did."""
    error = await _failure(work)
    return in_one_line(error) if error else ""


async def _failure(work: Awaitable[object]) -> Exception | None:
    try:
        await work
    except (NetreserveError, OSError) as error:
        return error
    return None
