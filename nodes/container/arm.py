"""The initiator as an agent sees it: apply a wish, read back, measure, tell what happens."""

from __future__ import annotations

import gc
import time
from random import Random

import msgspec

from nodes import cgroup
from nodes.config import OPEN_LINK, InitiatorSpec, Shape
from nodes.container import nbddisk
from nodes.container.life import Life, host_and_port
from nodes.container.pump import Pump
from nodes.errors import HarnessError
from nodes.eventkinds import Harness, OutOfMemory
from nodes.initiator import Initiator
from nodes.machine.events import Stats
from nodes.machine.watch import StallWatch
from nodes.messages import Desired, Reported, Sample
from nodes.network import nfqueue, steer
from nodes.network.interfaces import Interface
from nodes.network.link import Link
from nodes.network.probe import rtt_ns_p50

QUEUE_NUMBER = 0
"""Of the NFQUEUE; each container has its own (queues belong to a network namespace)."""
RTT_DEADLINE_S = 2.0
"""A machine that drops its own probes must not hold up the answer (own)."""
_SHARED = sorted(set(Stats.__dataclass_fields__) & set(Sample.__struct_fields__))
"""Measurements that a machine reports under the name a sample has for them."""


class InitiatorArm(Initiator):
    """An `Arm`, unable when the kernel has no NFQUEUE for us or libnbd is missing. iptables shows in the first `apply`."""

    tier = "container"

    def __init__(self, node: str, data: Interface) -> None:
        super().__init__(node, data)
        self._link = Link(data.name, Random())
        self._queue: nfqueue.Queue | None = None
        self._pump: Pump | None = None
        self._life: Life | None = None
        self._shape: Shape | None = None
        self._measured: dict[str, float] = {}
        self._watch = StallWatch()
        self._reserve_used_pages = 0
        self._dropped_before = self._cpu_before_ns = 0
        self._oom_kills = 0

    def sample(self) -> Sample:
        """The machine's figures and this process's; an arm without a machine is `idle`."""
        common = Sample(
            t_ns=time.time_ns(),
            node=self._node,
            run=self._run,
            state="idle",
            rss_bytes=cgroup.rss_bytes(),
            cpu_ns=time.process_time_ns() - self._cpu_before_ns,
            pump_drops=self._dropped() - self._dropped_before,
        )
        if self._life is None:
            return common
        stats = self._observe(self._life)
        figures = {name: getattr(stats, name) for name in _SHARED}
        figures["reserve_used_pages"], self._reserve_used_pages = self._reserve_used_pages, 0
        if self._life.idle:
            figures["state"] = "idle"
        return msgspec.structs.replace(
            common,
            **figures,
            corrupt_pages=self._life.pages.corrupt,
            verified_pages=self._life.pages.verified,
        )

    async def close(self) -> None:
        """Ends the run, opens the link, takes the rule away and gives the queue back, in this order."""
        await self._end_life()
        if self._queue is not None:
            await self._link.close()
            await steer.remove(steer.queue_rule(self._data.name, QUEUE_NUMBER))
        if self._pump is not None:
            self._pump.close()
            self._pump = None
        if self._queue is not None:
            self._queue.close()
            self._queue = None

    def _probe(self) -> None:
        nbddisk.probe()
        if self._queue is None:
            nfqueue.probe()

    async def _make_true(self, desired: Desired, spec: InitiatorSpec) -> None:
        pump = await self._open_pump()
        if self._life is None or desired.run != self._run:
            await self._begin(desired, spec, pump)
        else:
            self._change(self._life, spec)
        await self._apply_shape(desired.shape, spec)

    def _read_back(self, bare: Reported) -> Reported:
        memory = {"cgroup_limit_bytes": cgroup.limit_bytes(), "rss_bytes": cgroup.rss_bytes()}
        return msgspec.structs.replace(
            bare,
            spec=self._life.in_force() if self._life is not None else None,
            shape=self._link.shape,
            means=self._link.means,
            measured=self._measured | memory,
        )

    async def _open_pump(self) -> Pump:
        if self._pump is None:
            queue = nfqueue.Queue(QUEUE_NUMBER)
            try:
                await steer.install(steer.queue_rule(self._data.name, QUEUE_NUMBER))
            except BaseException:
                queue.close()
                raise
            self._queue, self._pump = queue, Pump(queue, self._link.hold)
        return self._pump

    async def _begin(self, desired: Desired, spec: InitiatorSpec, pump: Pump) -> None:
        """A new run: the old machine goes, the link is open while the new one connects."""
        await self._end_life()
        self._run, self._watch, self._reserve_used_pages = desired.run, StallWatch(), 0
        self._dropped_before, self._cpu_before_ns, self._measured = self._dropped(), time.process_time_ns(), {}
        await self._apply_shape(OPEN_LINK, spec)
        life = Life(spec, self._data.address, pump, self._tell)
        try:
            await life.start()
        except BaseException:
            await life.close()
            raise
        self._life = life

    def _change(self, life: Life, spec: InitiatorSpec) -> None:
        before = life.in_force()
        try:
            life.change(spec)
        finally:
            self._tell_switch(before, life.in_force())

    async def _end_life(self) -> None:
        if self._life is not None:
            life, self._life = self._life, None
            await life.close()
            del life
            gc.collect()  # a machine is full of cycles, and the next one must not grow beside what is left of it

    async def _apply_shape(self, shape: Shape, spec: InitiatorSpec) -> None:
        if shape == self._shape:
            return
        self._shape = None  # until it is known to be in force
        await self._link.apply(shape)
        self._shape = shape
        self._measured.pop("rtt_ns_p50", None)
        if self._life is not None and spec.target and not shape.cut:
            await self._measure_rtt(spec.target)

    async def _measure_rtt(self, target: str) -> None:
        host, port = host_and_port(target)
        try:
            self._measured["rtt_ns_p50"] = await rtt_ns_p50(host, port, deadline_s=RTT_DEADLINE_S)
        except HarnessError as error:
            self._tell(Harness(what=f"round trip not measured: {error}"))

    def _observe(self, life: Life) -> Stats:
        stats = life.stats()
        self._reserve_used_pages = max(self._reserve_used_pages, stats.reserve_used_pages)
        return stats

    def _watch_once(self) -> None:
        kills = cgroup.oom_kills()
        if kills > self._oom_kills:
            self._oom_kills = kills
            self._tell(OutOfMemory(whose="real", kills=kills))
        if self._life is not None and not self._life.idle:
            machine, stats = self._life.machine, self._observe(self._life)
            for detail in self._watch.observe(stats, time.monotonic_ns(), machine.waits, machine.cycle):
                self._tell(detail)

    def _dropped(self) -> int:
        return self._queue.dropped() if self._queue is not None else 0
