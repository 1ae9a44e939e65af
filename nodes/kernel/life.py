"""One run of a guest: its cable, its QEMU and its channels, from power-on to the end."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec.structs import replace

from nodes.config import InitiatorSpec, MachineConfig
from nodes.errors import HarnessError, LackingError, UsageError
from nodes.eventkinds import Detail, IoError, Panic
from nodes.kernel import filesystem, initramfs, kernels, policies
from nodes.kernel.accelerator import Accelerator
from nodes.kernel.boot import until_ready
from nodes.kernel.bounds import check_min_free
from nodes.kernel.commandline import Guest, check_memory, device_of
from nodes.kernel.console import Console
from nodes.kernel.control import Control
from nodes.kernel.kernels import Kernel
from nodes.kernel.policies import switches_of
from nodes.kernel.protocol import ControlName, command_line
from nodes.kernel.qemu import Qemu
from nodes.kernel.settings import KIB_PER_PAGE, PERIOD_MS, settings_of, target_host
from nodes.kernel.storageguest import StorageGuest
from nodes.kernel.telemetry import Feed
from nodes.kernel.wiring import TAP, Wiring
from nodes.messages import Sample
from nodes.units import PAGE_BYTES, SECOND_NS

Tell = Callable[[Detail], None]
FIGURES_S = 3.0
"""From `READY` to telemetry that shows what was asked."""
_POLL_S = 0.02


class Life:
    """A guest from power-on to its end; then it cannot begin again. `tell` takes what happens to it, `on_loss` why there is
    no more QEMU though nobody ended it and the guest did not panic.

    Raises LackingError or UsageError for what cannot be, before anything is started.
    """

    def __init__(
        self,
        spec: InitiatorSpec,
        wiring: Wiring,
        accelerator: Accelerator,
        tell: Tell,
        on_loss: Callable[[str], None],
    ) -> None:
        check_memory(spec.machine.memory_pages)
        device_of(spec.machine.nic)
        policies.check_guest(spec.policy, spec.guest)
        self._kernel: Kernel = kernels.find(spec.guest.kernel)
        self._kernel.require_image()
        self._archive = initramfs.compose(
            self._kernel,
            spec.machine.nic,
            transport=spec.guest.transport,
            disk=spec.policy.name == "local",
            options={kernels.OWN: f"period_ms={PERIOD_MS}"},
            files=_filesystem(spec),
        )
        self._storage = _storage_guest(spec, self._kernel, accelerator)
        self._spec, self._wiring, self._accelerator = spec, wiring, accelerator
        self._tell, self._on_loss = tell, on_loss
        self.feed = Feed(spec.machine.tasks, files=spec.guest.pages == "files")
        self.console = Console(self._panicked, self._read_failed)
        self.qemu = Qemu()
        self._control = Control(self.feed, accelerator.patience)
        self._panic = ""
        self._changing = False
        self._watchers: list[asyncio.Task[None]] = []
        self.boot_ns = 0
        """From power-on to READY."""

    @property
    def release(self) -> str:
        """The kernel's, as uname says it."""
        return self._kernel.release

    @property
    def ended(self) -> bool:
        """True when the guest is no more, for whatever reason."""
        return bool(self._panic) or not self.qemu.pid

    async def start(self) -> None:
        """Boots the guest and waits until it swaps. When it does not come so far it raises what
        `until_ready` raises, with the guest's own words; `close` is due then too."""
        wired = await self._wiring.open(target_host(self._spec.target))
        if self._storage is not None:
            wired = replace(wired, storage_mac=await self._storage.start(self._wiring, wired))
        guest = self._guest(command_line(settings_of(self._spec, wired)), wired.mac)
        started_s = asyncio.get_running_loop().time()
        await self.qemu.start(guest, self._accelerator)
        await self.console.open(self.qemu.console)
        await self.feed.channel.open(self.qemu.telemetry)
        await self._control.channel.open(self.qemu.control)
        what, patience = f"the guest ({self.release})", self._accelerator.patience
        await until_ready(what, self.console, self.qemu, patience, guest.memory_bytes)
        self.feed.begin(time.time_ns())
        self.boot_ns = round((asyncio.get_running_loop().time() - started_s) * SECOND_NS)
        await self._figures()
        self._watchers.append(asyncio.create_task(self._watch()))
        if self._storage is not None:
            self._watchers.append(asyncio.create_task(self._watch_storage(self._storage)))

    async def change(self, spec: InitiatorSpec) -> None:
        """Puts what differs in force, live: the policy's switches and min_free_pages. Raises UsageError for what needs a new
        run or a min_free that this guest cannot have, LackingError for what its kernel cannot do, HarnessError when the
        guest does not answer."""
        self._refuse_what_stays(spec)
        self._refuse_min_free(spec.machine)
        if spec == self.in_force():
            return
        if self.ended:
            raise HarnessError(f"the guest is dead ({self._panic or 'QEMU has ended'}): start a new run")
        self._changing = True
        try:
            for name, value in switches_of(spec.policy).commands():
                await self._switch(name, value)
            self._spec = replace(self._spec, policy=spec.policy)
            await self._switch("min_free_kb", spec.machine.min_free_pages * KIB_PER_PAGE)
            self._spec = replace(self._spec, machine=spec.machine)
        finally:
            self._changing = False

    def in_force(self) -> InitiatorSpec:
        """What is true now, as the guest's module tells it."""
        told, machine, guest = self.feed.newest, self._spec.machine, self._spec.guest
        return replace(
            self._spec,
            policy=policies.in_force(self._spec.policy, told),
            machine=replace(machine, min_free_pages=told.min_free_kb // KIB_PER_PAGE or machine.min_free_pages),
            guest=replace(
                guest,
                boost_factor=None if guest.boost_factor is None else told.boost_factor,
                cgroup_pages=None if guest.cgroup_pages is None else told.cgroup_max,
            ),
        )

    def strayed(self) -> str:
        """Which policy is in force instead of the one that was asked for; empty where that one is, or a change is under
        way."""
        asked, now = self._spec.policy, self.in_force().policy
        if self._changing or now == asked:
            return ""
        return f"policy is {policies.text(now)}, {policies.text(asked)} was asked for"

    def measured(self, sample: Sample) -> Sample:
        """`sample` with the guest's figures, QEMU's own, and what the host counted on the cable."""
        rss_bytes, cpu_ns = self.qemu.usage()
        sample = self.feed.measured(
            replace(sample, policy=self.in_force().policy.name, rss_bytes=rss_bytes, cpu_ns=cpu_ns)
        )
        cable = self._wiring.counted()
        return replace(
            sample,
            state="dead" if self.ended else sample.state,
            # the host's count: a driver that is out of memory counts nothing, and its card leaves packets in the tap
            rx_packets=cable.taken + cable.lost,
            no_buffer_drops=sample.no_buffer_drops + cable.lost,
        )

    async def examine(self, keys: str) -> list[str]:
        """What the guest's kernel prints on these sysrq keys."""
        return await self.console.sysrq(self.qemu.monitor, keys)

    async def close(self, reason: str) -> None:
        """Ends the guest, whatever it does, and gives the container its address back."""
        async with AsyncExitStack() as rest:  # each is done whatever becomes of the one before, the last pushed first
            rest.push_async_callback(self._wiring.close)
            if self._storage is not None:
                rest.push_async_callback(self._storage.close)
            rest.push_async_callback(self.qemu.close)
            for watcher in self._watchers:
                watcher.cancel()
            if self.qemu.pid:
                self.console.mark(f"the guest is ended: {reason}")
            for channel in (self.console.channel, self.feed.channel, self._control.channel):
                channel.close()

    async def _switch(self, name: ControlName, value: int) -> None:
        def holds() -> bool:
            return bool(getattr(self.feed.newest, name) == value)

        if not holds():
            await self._control.command(name, value, holds)

    def _guest(self, words: str, mac: str) -> Guest:
        machine, folder = self._spec.machine, self.qemu.folder
        archive, disk = folder / "initramfs", folder / "disk"
        archive.write_bytes(self._archive)
        local = self._spec.policy.name == "local"
        if local:
            _sparse(disk, machine.working_set_pages * PAGE_BYTES)
        return Guest(
            kernel=self._kernel.vmlinux,
            initramfs=archive,
            words=words,
            memory_bytes=machine.memory_pages * PAGE_BYTES,
            cpus=machine.cpus,
            nic=machine.nic,
            mac=mac,
            tap=TAP,
            disk=disk if local else None,
            cgroups=self._spec.guest.cgroup_pages is not None,
        )

    async def _figures(self) -> None:
        """Waits until telemetry shows what was asked; what it then shows is reported, whatever it is."""
        deadline_s = asyncio.get_running_loop().time() + FIGURES_S * self._accelerator.patience
        while not self.feed.heard_ns or self.in_force() != self._spec:
            if asyncio.get_running_loop().time() > deadline_s:
                break
            await asyncio.sleep(_POLL_S)
        if not self.feed.heard_ns:
            raise HarnessError(f"the guest ({self.release}) is ready, but its module tells nothing")

    async def _watch(self) -> None:
        code = await self.qemu.ended()
        await self.console.channel.drained()
        if not self._panic:
            self._on_loss(f"QEMU ended (exit {code}); the guest's last words: {self.console.last_words}")

    async def _watch_storage(self, storage: StorageGuest) -> None:
        """A storage target that is gone is not a hang of this guest's own making."""
        code = await storage.qemu.ended()
        await storage.console.channel.drained()
        self._on_loss(f"the storage guest ended (exit {code}); its last words: {storage.console.last_words}")

    def _panicked(self, line: str) -> None:
        if not self._panic:
            self._panic = line
            self._tell(Panic(line=line))

    def _read_failed(self, line: str) -> None:
        self._tell(IoError(write=False, errno=errno.EIO))

    def _refuse_what_stays(self, spec: InitiatorSpec) -> None:
        policies.check_live(self._spec.policy, spec.policy)
        here = self._spec
        same = replace(
            spec, policy=here.policy, machine=replace(spec.machine, min_free_pages=here.machine.min_free_pages)
        )
        if same != here:
            raise UsageError("a running guest changes its policy and min_free alone: start a new run")

    def _refuse_min_free(self, machine: MachineConfig) -> None:
        """The module would only say that it cannot be."""
        if machine.min_free_pages != self._spec.machine.min_free_pages:
            ram_kib = self.console.ram_kib or machine.memory_pages * KIB_PER_PAGE
            check_min_free(machine.min_free_pages * KIB_PER_PAGE, ram_kib)


def probe() -> None:
    """Raises LackingError when there is no kernel to boot."""
    kernels.find()


def _storage_guest(spec: InitiatorSpec, kernel: Kernel, accelerator: Accelerator) -> StorageGuest | None:
    if spec.guest.transport != "nvme" or spec.policy.name == "local":
        return None
    return StorageGuest(kernel, spec.machine.working_set_pages * PAGE_BYTES, accelerator)


def _filesystem(spec: InitiatorSpec) -> bytes:
    if spec.guest.pages != "files":
        return b""
    with tempfile.TemporaryDirectory(prefix="netreserve-files-") as folder:
        return filesystem.metadata(Path(folder), spec.machine.working_set_pages * PAGE_BYTES)


def _sparse(path: Path, size_bytes: int) -> None:
    try:
        with path.open("wb") as file:
            os.truncate(file.fileno(), size_bytes)
    except OSError as error:
        raise LackingError(f"no local disk for the guest: {path}: {error.strerror}") from None
