"""The initiator as a real kernel, as an agent sees it: boot it, change it live, read back, measure, tell what happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nodes import cgroup
from nodes.config import InitiatorSpec
from nodes.errors import LackingError, NetreserveError, SettingError, UsageError, exit_code_of
from nodes.eventkinds import Detail, Harness, PolicySet
from nodes.kernel import accelerator, life, qemu
from nodes.kernel.accelerator import Accelerator
from nodes.kernel.life import Life
from nodes.kernel.link import GuestLink
from nodes.kernel.watch import Watch
from nodes.kernel.wiring import Wiring
from nodes.messages import SAMPLE_INTERVAL_NS, Desired, Event, Reported, Sample, Status
from nodes.network.interfaces import Interface
from nodes.units import SECOND_NS

TIER = "kernel"


class KernelArm:
    """An `Arm` on the data interface `data`, whose address its guests get. Nothing is touched before the first `apply`.

    A guest lives until the next run begins or the arm is closed: one that hangs may be rescued meanwhile. A wish without a
    storage target is an idle node: no guest at all.
    """

    def __init__(self, node: str, data: Interface) -> None:
        self._node, self._data = node, data
        self._wiring = Wiring(data)
        self._link = GuestLink(data.name, self._wiring)
        self._accelerator: Accelerator | None = None
        self._life: Life | None = None
        self._watch: Watch | None = None
        self._idle: InitiatorSpec | None = None
        self._run = ""
        self._events: list[Event] = []
        self._emit: Callable[[Event], None] = self._events.append

    def status(self) -> Status:
        """`unable` when QEMU, /dev/net/tun or every kernel is missing."""
        reason = ""
        try:
            qemu.probe()
            life.probe()
        except LackingError as error:
            reason = str(error)
        return Status(
            node=self._node,
            role="initiator",
            state="unable" if reason else "online",
            reason=reason,
            address=self._data.address,
            tier=TIER,
            t_ns=time.time_ns(),
        )

    async def apply(self, desired: Desired) -> Reported:
        """See `nodes.arm.Arm`. A run whose start failed is started again by the next message."""
        error, exit_code, setting = "", 0, ""
        try:
            await self._make_true(desired)
        except (NetreserveError, OSError) as failure:
            error, exit_code = " ".join(str(failure).split()) or type(failure).__name__, exit_code_of(failure)
            setting = failure.setting if isinstance(failure, SettingError) else ""
        alive = self._life
        means = {"accelerator": self._accelerator.name} if self._accelerator else {}
        measured: dict[str, float] = {"cgroup_limit_bytes": cgroup.limit_bytes()}
        if alive is not None:
            means["kernel"] = alive.release
            measured |= {"boot_ns": alive.boot_ns, "rss_bytes": alive.qemu.usage()[0]}
        return Reported(
            node=self._node,
            seq=desired.seq,
            run=desired.run,
            t_ns=time.time_ns(),
            spec=alive.in_force() if alive is not None else self._idle,
            shape=self._link.shape,
            means={**means, **self._link.means},
            measured=measured,
            error=error,
            exit_code=exit_code,
            setting=setting,
        )

    def sample(self) -> Sample:
        """The guest's figures; `idle` without one."""
        common = Sample(t_ns=time.time_ns(), node=self._node, run=self._run, tier=TIER, state="idle")
        return common if self._life is None else self._life.measured(common)

    async def run(self, emit: Callable[[Event], None]) -> None:
        """Watches the guest, ten times a second; `emit` also takes what happened before. A fault of our own in any callback
        of the loop voids the run."""
        for event in self._events:
            emit(event)
        self._events.clear()
        self._emit = emit
        asyncio.get_running_loop().set_exception_handler(self._own_fault)
        while True:
            if self._watch is not None:
                self._watch.look(self.sample())
            await asyncio.sleep(SAMPLE_INTERVAL_NS / SECOND_NS)

    async def close(self) -> None:
        """Ends the guest and makes the interface as it was found."""
        await self._end("the node stops")

    async def _make_true(self, desired: Desired) -> None:
        spec = desired.spec
        if not isinstance(spec, InitiatorSpec):
            raise UsageError(f"{self._node} is an initiator: it cannot be a {type(spec).__name__}")
        if desired.run != self._run or (self._life is None and spec != self._idle):
            await self._begin(desired.run, spec)
        elif self._life is not None:
            await self._change(self._life, spec)
        if self._life is not None:
            await self._link.apply(desired.shape)

    async def _begin(self, run: str, spec: InitiatorSpec) -> None:
        """A new run: the old guest goes, the link is open while the new one boots."""
        await self._end("another run begins")
        self._run = run
        if not spec.target:
            self._idle = spec
            return
        if self._accelerator is None:
            self._accelerator = await asyncio.to_thread(accelerator.choose)
        if self._accelerator.name != "kvm":
            self._tell(Harness(what=self._accelerator.note))
        born = Life(spec, self._wiring, self._accelerator, self._tell, self._lost)
        watch = Watch(born, self._tell)
        try:
            await born.start()
        except BaseException:
            try:
                await watch.close()
            finally:
                await born.close("it did not start")
            raise
        self._life, self._watch = born, watch

    async def _change(self, alive: Life, spec: InitiatorSpec) -> None:
        before = alive.in_force()
        try:
            await alive.change(spec)
        finally:
            now = alive.in_force()
            if (now.policy, now.machine) != (before.policy, before.machine):
                self._tell(PolicySet(policy=now.policy.name, min_free_pages=now.machine.min_free_pages))

    async def _end(self, reason: str) -> None:
        self._idle = None
        if self._life is None:
            return
        alive, watch = self._life, self._watch
        self._life = self._watch = None
        try:
            with suppress(NetreserveError):  # an interface that is gone needs no link
                await self._link.open()
        finally:
            try:
                await alive.close(reason)
            finally:
                if watch is not None:
                    await watch.close()

    def _lost(self, what: str) -> None:
        self._tell(Harness(void=what, harness=True))

    def _own_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        fault = context.get("exception")
        what = f"{type(fault).__name__}: {fault}" if fault else str(context["message"])
        self._tell(Harness(void=f"a fault of netreserve's own: {what}", harness=True))
        loop.default_exception_handler(context)

    def _tell(self, detail: Detail) -> None:
        self._emit(Event(t_ns=time.time_ns(), node=self._node, run=self._run, detail=detail))
