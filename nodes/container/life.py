"""One run of an initiator: a fresh machine with everything real around it."""

from __future__ import annotations

import random
import time
from pathlib import Path

import msgspec

from nodes.config import BLOCK_PORT, InitiatorSpec, Sink
from nodes.container.disk import Disk
from nodes.container.driver import Driver, Emit
from nodes.container.filedisk import FileDisk
from nodes.container.flows import Flows
from nodes.container.nbddisk import NbdDisk
from nodes.container.pages import Pages
from nodes.container.pump import Pump, accept_all
from nodes.container.sinks import Sinks
from nodes.errors import UsageError
from nodes.eventkinds import Reconnect
from nodes.machine.events import MinFreeChanged, PolicyChanged, SocketRead, Stats
from nodes.machine.machine import Machine
from nodes.units import MS_NS, PAGE_BYTES

SWAP_FILE = Path("/swap/swapfile")
"""Where policy `local` swaps to: a volume of the container."""
FOLLOW_EVERY_NS = 10 * MS_NS
"""How often resident memory is made to follow the pool: 400 pages apart at most at 40 000 pages a second (own)."""


class Life:
    """A machine from its first page to its last. `start` begins it, `close` ends it; then it cannot begin again.

    Raises UsageError when the spec contradicts itself.
    """

    def __init__(self, spec: InitiatorSpec, address: str, pump: Pump, emit: Emit) -> None:
        self.machine = Machine(spec.machine, spec.policy, time.monotonic_ns(), random.random)
        self.pages = Pages(spec.machine.working_set_pages, spec.machine.memory_pages)
        self._spec, self._pump, self._emit = spec, pump, emit
        self._flows = Flows(self.machine)
        self._sinks = Sinks(address, self._flows, self._was_read)
        self._disk: Disk | None = None
        self._driver: Driver | None = None
        self._followed_ns = 0

    @property
    def idle(self) -> bool:
        """True for a machine without a swap device: it answers packets and touches nothing."""
        return self._driver is None

    async def start(self) -> None:
        """Opens sinks and disk, then lets the machine run. Raises LackingError or UsageError; `close` is due then too."""
        self._pump.judge = self._flows.judge
        self._pump.on_judged = lambda: self._read_sinks(time.monotonic_ns())
        for sink in self._spec.sinks:
            self._sinks.open(sink)
        self._disk = await self._open_disk()
        if self._disk is not None:
            self._driver = Driver(self.machine, self.pages, self._disk, self._spec.swap_offset_bytes, self._emit)
            self._driver.before_poll = self._before_poll
            self._pump.on_judged = self._driver.wake
            self._driver.wake()

    def change(self, spec: InitiatorSpec) -> None:
        """Puts what differs in force, live: policy, min_free_pages, sinks added or opened anew. Raises UsageError for what
        needs a new run; nothing that comes before it in this order is taken back."""
        self._refuse_what_stays(spec)
        now_ns = time.monotonic_ns()
        if spec.policy != self._spec.policy:
            self.machine.handle(PolicyChanged(spec.policy), now_ns)
            self._spec = msgspec.structs.replace(self._spec, policy=spec.policy)
        if spec.machine != self._spec.machine:
            self.machine.handle(MinFreeChanged(spec.machine.min_free_pages), now_ns)
            self._spec = msgspec.structs.replace(self._spec, machine=spec.machine)
        for sink in spec.sinks:
            if sink not in self._spec.sinks:
                self._sinks.open(sink)
                self._spec = msgspec.structs.replace(self._spec, sinks=(*self._spec.sinks, sink))
        if spec.sinks_opened != self._spec.sinks_opened:
            self._sinks.close()
            for sink in self._spec.sinks:
                self._sinks.open(sink)
            self._spec = msgspec.structs.replace(self._spec, sinks_opened=spec.sinks_opened)
        if self._driver is not None:
            self._driver.wake()

    def in_force(self) -> InitiatorSpec:
        """What is true now, read back from the machine and the kernel."""
        machine = self.machine
        return msgspec.structs.replace(
            self._spec,
            machine=msgspec.structs.replace(
                machine.config, min_free_pages=machine.pool.marks.min_pages - machine.reserve_pages
            ),
            policy=machine.policy_spec,
            sinks=tuple(self._read_back(sink) for sink in self._spec.sinks),
        )

    def stats(self) -> Stats:
        """The machine's figures of this moment; resident memory follows them."""
        stats = self.machine.stats(time.monotonic_ns())
        self.pages.follow(stats.total_pages - stats.free_pages)
        return stats

    async def close(self) -> None:
        """Gives back pages, disk and sockets; packets are accepted unseen from now on."""
        self._pump.judge, self._pump.on_judged = accept_all, lambda: None
        if self._driver is not None:
            self._driver.close()
        if self._disk is not None:
            await self._disk.close()
        self._sinks.close()
        self.pages.close()

    async def _open_disk(self) -> Disk | None:
        spec, needed_bytes = self._spec, self._spec.machine.working_set_pages * PAGE_BYTES
        if self.machine.policy.local_disk:
            return FileDisk(SWAP_FILE, spec.swap_offset_bytes + needed_bytes)
        if not spec.target:
            return None
        disk = NbdDisk(*host_and_port(spec.target), self._flows.set_block)
        disk.on_lost = lambda reason: self._emit(Reconnect(state="lost", reason=reason))
        await disk.open(spec.swap_offset_bytes + needed_bytes)
        return disk

    def _before_poll(self, now_ns: int) -> None:
        self._read_sinks(now_ns)
        if now_ns - self._followed_ns >= FOLLOW_EVERY_NS:
            self._followed_ns = now_ns
            self.pages.follow(self.machine.pool.total - self.machine.pool.free)

    def _read_sinks(self, now_ns: int) -> None:
        self._sinks.drain(self.idle or self.machine.app_running(now_ns))

    def _was_read(self, socket: int) -> None:
        self.machine.handle(SocketRead(socket), time.monotonic_ns())

    def _refuse_what_stays(self, spec: InitiatorSpec) -> None:
        here, machine = self._spec, spec.machine
        same_min = msgspec.structs.replace(machine, min_free_pages=here.machine.min_free_pages)
        fixed = {
            "machine (but min_free)": same_min == here.machine,
            "target": spec.target == here.target,
            "swap offset": spec.swap_offset_bytes == here.swap_offset_bytes,
            "sinks (but new ones)": set(here.sinks) <= set(spec.sinks),
        }
        changed = ", ".join(name for name, same in fixed.items() if not same)
        if changed:
            raise UsageError(f"a running machine keeps its {changed}: start a new run")

    def _read_back(self, sink: Sink) -> Sink:
        ports = range(sink.port, sink.port + sink.sockets)
        return msgspec.structs.replace(sink, rcvbuf_bytes=min(self._sinks.rcvbufs[port] for port in ports))


def host_and_port(target: str) -> tuple[str, int]:
    """`host:port` taken apart; without a port it is NBD's. Raises UsageError."""
    host, colon, port = target.partition(":")
    if not host or (colon and not (port.isdigit() and 0 < int(port) < 65_536)):
        raise UsageError(
            f"'{target}' is not a storage target: 'host:port' is needed, for example 'target:{BLOCK_PORT}'"
        )
    return host, int(port) if colon else BLOCK_PORT
