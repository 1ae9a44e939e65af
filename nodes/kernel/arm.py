"""The initiator as a real kernel, as an agent sees it: boot it, change it live, read back, measure, tell what happens."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from msgspec import structs

from nodes import cgroup
from nodes.config import InitiatorSpec
from nodes.errors import NetreserveError
from nodes.eventkinds import Harness
from nodes.initiator import Initiator
from nodes.kernel import accelerator, life, qemu
from nodes.kernel.accelerator import Accelerator
from nodes.kernel.life import Life
from nodes.kernel.link import GuestLink
from nodes.kernel.watch import Watch
from nodes.kernel.wiring import Wiring
from nodes.messages import Desired, Reported, Sample
from nodes.network.interfaces import Interface


class KernelArm(Initiator):
    """An `Arm` on the data interface `data`, whose address its guests get; unable when QEMU, /dev/net/tun or every kernel is
    missing.

    A guest lives until the next run begins or the arm is closed: one that hangs may be rescued meanwhile. A wish without a
    storage target is an idle node: no guest at all.
    """

    tier = "kernel"

    def __init__(self, node: str, data: Interface) -> None:
        super().__init__(node, data)
        self._wiring = Wiring(data)
        self._link = GuestLink(data.name, self._wiring)
        self._accelerator: Accelerator | None = None
        self._life: Life | None = None
        self._watch: Watch | None = None
        self._idle: InitiatorSpec | None = None

    def sample(self) -> Sample:
        """The guest's figures; `idle` without one."""
        common = Sample(t_ns=time.time_ns(), node=self._node, run=self._run, tier=self.tier, state="idle")
        return common if self._life is None else self._life.measured(common)

    async def close(self) -> None:
        """Ends the guest and makes the interface as it was found."""
        await self._end("the node stops")

    def _probe(self) -> None:
        qemu.probe()
        life.probe()

    async def _make_true(self, desired: Desired, spec: InitiatorSpec) -> None:
        if desired.run != self._run or (self._life is None and spec != self._idle):
            await self._begin(desired.run, spec)
        elif self._life is not None:
            await self._change(self._life, spec)
        if self._life is not None:
            await self._link.apply(desired.shape)

    def _read_back(self, bare: Reported) -> Reported:
        alive = self._life
        means = {"accelerator": self._accelerator.name} if self._accelerator else {}
        measured: dict[str, float] = {"cgroup_limit_bytes": cgroup.limit_bytes()}
        if alive is not None:
            means["kernel"] = alive.release
            measured |= {"boot_ns": alive.boot_ns, "rss_bytes": alive.qemu.usage()[0]}
        return structs.replace(
            bare,
            spec=alive.in_force() if alive is not None else self._idle,
            shape=self._link.shape,
            means={**means, **self._link.means},
            measured=measured,
        )

    def _watch_once(self) -> None:
        if self._watch is not None:
            self._watch.look(self.sample())

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
            self._tell_switch(before, alive.in_force())

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
