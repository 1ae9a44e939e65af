"""QEMU's command line for one guest: a small PC with one network card, two serial ports and a debug console."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from nodes.errors import LackingError, UsageError
from nodes.kernel.accelerator import Accelerator
from nodes.kernel.protocol import TELEMETRY_PORT
from nodes.machine.nic import NICS
from nodes.registry import did_you_mean
from nodes.units import PAGE_BYTES, format_bytes

PROGRAM = "qemu-system-x86_64"
DEVICES = {name: nic.qemu_device for name, nic in NICS.items() if nic.qemu_device}
"""NIC model of a scenario -> QEMU's device."""
CHANNELS = ("console", "telemetry", "control", "qmp")
LEAST_MEMORY_BYTES = 72 << 20
"""64 MiB panics before init, 72 boots a cloud kernel (lab.md section 4)."""
KERNEL_WORDS = (
    "console=ttyS0 panic=-1 quiet loglevel=5 rootfstype=ramfs ipv6.disable=1 mitigations=off tsc=reliable no_timer_check "
    "nowatchdog audit=0 sysrq_always_enabled random.trust_cpu=on cryptomgr.notests=1"
)
"""lab.md section 2: quick to boot, nothing that stops or talks without being asked, sysrq always. `panic=-1` with QEMU's
-no-reboot ends QEMU at once when the kernel panics."""
NO_CGROUPS = "cgroup_disable=memory"
OVERHEAD_BYTES = 96 << 20
"""What QEMU takes beside the guest's memory. Own measurement, -m 128, TCG with tb-size=32, Debian's 6.12 after a flood:
50 MiB anonymous (an earlier one: 54), and 60 MiB of mapped files, its own and vmlinux, which may be dropped and
read again."""
AGENT_BYTES = 64 << 20
"""The agent in the same container: Python with aiomqtt (own)."""

STORAGE_KERNEL_BYTES = 96 << 20
"""What a guest that is a storage target needs beside its disk: 65 MiB are the kernel's own (lab.md section 4)."""
_MIB = 1 << 20


class Guest(Struct, frozen=True, kw_only=True):
    """A guest as QEMU has to know it."""

    kernel: Path
    """A vmlinux with a PVH note, or a bzImage."""
    initramfs: Path
    words: str
    """What follows KERNEL_WORDS on the kernel's command line."""
    memory_bytes: int
    cpus: int
    nic: str
    """As a scenario names it."""
    mac: str
    tap: str
    cgroups: bool = False
    """With control groups for memory, which cost each page a little and are switched off otherwise."""
    disk: Path | None = None
    """A raw file that becomes /dev/vda."""


def container_bytes(memory_bytes: int) -> int:
    """The least memory limit for a container whose guest has `memory_bytes`."""
    return memory_bytes + OVERHEAD_BYTES + AGENT_BYTES


def storage_memory_bytes(disk_bytes: int) -> int:
    """Memory of a storage guest: its disk, and a 32nd for the tree of its pages and for their descriptors (64 B each)."""
    return -(-(disk_bytes + disk_bytes // 32 + STORAGE_KERNEL_BYTES) // _MIB) * _MIB


def storage_container_bytes(disk_bytes: int) -> int:
    """What an initiator's container needs for its storage guest, beside all else."""
    return storage_memory_bytes(disk_bytes) + OVERHEAD_BYTES


def device_of(nic: str) -> str:
    """QEMU's name for the scenario's `nic`. Raises LackingError for `ideal`, UsageError for an unknown one."""
    if nic == "ideal":
        raise LackingError("the NIC 'ideal' is in no machine: use tier sim or container, or another NIC")
    if nic not in DEVICES:
        raise UsageError(f"unknown NIC '{nic}' ({did_you_mean(nic, list(DEVICES))})")
    return DEVICES[nic]


def check_memory(memory_pages: int) -> None:
    """Raises UsageError where no kernel boots."""
    if memory_pages * PAGE_BYTES < LEAST_MEMORY_BYTES:
        asked, least = format_bytes(memory_pages * PAGE_BYTES), format_bytes(LEAST_MEMORY_BYTES)
        raise UsageError(f"a guest with {asked} of memory does not boot: at least {least} are needed in tier kernel")


def command(guest: Guest, accelerator: Accelerator, descriptors: Mapping[str, int]) -> list[str]:
    """The arguments, QEMU's name first. `descriptors`: for each of CHANNELS the open socket that QEMU inherits."""
    device = device_of(guest.nic)
    arguments = [PROGRAM, "-M", "pc,usb=off,hpet=off,vmport=off", *accelerator.arguments]
    arguments += ["-m", f"{guest.memory_bytes >> 20}M", "-smp", str(guest.cpus)]
    arguments += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    arguments += ["-kernel", str(guest.kernel), "-initrd", str(guest.initramfs)]
    words = KERNEL_WORDS if guest.cgroups else f"{KERNEL_WORDS} {NO_CGROUPS}"
    arguments += ["-append", f"{words} nr_cpus={guest.cpus} {guest.words}"]
    for name in CHANNELS:
        arguments += ["-chardev", f"socket,id={name},fd={descriptors[name]}"]
    arguments += ["-serial", "chardev:console", "-serial", "chardev:control"]
    arguments += ["-device", f"isa-debugcon,iobase={TELEMETRY_PORT:#x},chardev=telemetry"]
    arguments += ["-mon", "chardev=qmp,mode=control"]
    arguments += ["-netdev", f"tap,id=data,ifname={guest.tap},script=no,downscript=no,vhost=off"]
    arguments += ["-device", f"{device},netdev=data,mac={guest.mac},romfile="]
    if guest.disk is not None:
        # cache=unsafe: the file is memory of the host as long as that lasts; a guest's flush need not wait for a disk
        arguments += ["-drive", f"file={guest.disk},if=none,id=disk,format=raw,cache=unsafe"]
        arguments += ["-device", "virtio-blk-pci,drive=disk,romfile="]
    return arguments
