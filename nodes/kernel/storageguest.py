"""The storage target of transport `nvme`: a second guest on the initiator's bridge, whose kernel offers a disk in memory.

Its packets share the initiator's card with the junk, which is the point; the two have a small network of their own on that
bridge. Nobody else is in it: each initiator has a storage guest, with a MAC that no other has.
"""

from __future__ import annotations

from nodes.kernel import initramfs
from nodes.kernel.accelerator import Accelerator
from nodes.kernel.boot import until_ready
from nodes.kernel.channel import Channel
from nodes.kernel.commandline import Guest, storage_memory_bytes
from nodes.kernel.console import Console
from nodes.kernel.kernels import Kernel
from nodes.kernel.protocol import Settings, command_line
from nodes.kernel.qemu import Qemu
from nodes.kernel.wiring import STORAGE_TAP, Wired, Wiring

INITIATOR, TARGET = "198.19.254.1", "198.19.254.2"
"""In the benchmarking network (RFC 2544), where the testbed's other networks are, at its far end (own)."""
INITIATOR_ADDRESS, TARGET_ADDRESS = f"{INITIATOR}/30", f"{TARGET}/30"
SERVICE = f"{TARGET}:4420"
"""NVMe/TCP's registered port."""
NIC = "virtio-net"
"""In every kernel; this guest has memory to spare, so its driver's ways with an empty ring do not matter."""


class StorageGuest:
    """From `start` to `close`. LackingError: `kernel` lacks what it takes."""

    def __init__(self, kernel: Kernel, disk_bytes: int, accelerator: Accelerator) -> None:
        self._archive = initramfs.compose(kernel, NIC, server=True, module=False)
        self._kernel, self._disk_bytes, self._accelerator = kernel, disk_bytes, accelerator
        self.qemu = Qemu()
        self.console = Console(lambda line: None, lambda line: None)
        self._firmware = Channel(lambda line: None)
        """The firmware writes to the debug console, too, and waits until somebody reads it."""

    async def start(self, wiring: Wiring, wired: Wired) -> str:
        """Boots it on the bridge of `wired`, waits until it serves, and answers its MAC. Raises LackingError or HarnessError
        with its words when it does not come so far; `close` is due then too."""
        mac = await wiring.add_storage(wired.mac)
        archive = self.qemu.folder / "initramfs"
        archive.write_bytes(self._archive)
        settings = Settings(
            address=TARGET_ADDRESS,
            neighbours=f"{INITIATOR}/{wired.mac}",
            target=SERVICE,
            transport="nvme",
            server=True,
            swap_bytes=self._disk_bytes,
        )
        guest = Guest(
            kernel=self._kernel.vmlinux,
            initramfs=archive,
            words=command_line(settings),
            memory_bytes=storage_memory_bytes(self._disk_bytes),
            cpus=1,
            nic=NIC,
            mac=mac,
            tap=STORAGE_TAP,
        )
        await self.qemu.start(guest, self._accelerator)
        await self.console.open(self.qemu.console)
        await self._firmware.open(self.qemu.telemetry)
        await until_ready("the storage guest", self.console, self.qemu, self._accelerator.patience)
        return mac

    async def close(self) -> None:
        """Ends it, whatever it does."""
        for channel in (self.console.channel, self._firmware):
            channel.close()
        await self.qemu.close()
