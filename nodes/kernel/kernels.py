"""The kernels in the image: `/vm/<name>/` with vmlinux, init, modules/ and kernel.json, and what each can do."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from nodes.errors import LackingError, SettingError, UsageError
from nodes.kernel.modules import ordered
from nodes.machine.nic import NICS

FOLDER = Path("/vm")
FOLDER_VARIABLE = "NETRESERVE_KERNELS_DIR"
DEFAULT = "default"
"""A link to the kernel that is meant when none is named."""

DRIVERS = {name: nic.linux_modules for name, nic in NICS.items() if nic.linux_modules}
"""NIC model -> the modules that may drive it."""
DAY_S = 86_400
OPTIONS = {
    "nbd": "nbds_max=1 max_part=4",
    "nvme_core": f"io_timeout={DAY_S} admin_timeout={DAY_S} multipath=0",
    "null_blk": "nr_devices=0",
}
"""What a module is told when it is loaded. nbd: one device, whose parts several guests may share. nvme_core: as long as
NBD waits here, for ever; after its own 30 s it would connect anew, and flag the new socket (`sk_set_memalloc` in
drivers/nvme/host/tcp.c), which is another policy; without multipath the disk's own requests can be counted. null_blk:
init makes the one disk."""
TRANSPORTS = {"nbd": ("nbd",), "nvme": ("nvme_tcp",)}
SERVER = ("nvmet_tcp", "null_blk")
FILE_SYSTEM = "ext4"
CHECKSUM = ("crc32c_generic",)
"""What ext4 asks the kernel's crypto for by name, so that it is not among the modules that it needs; newer kernels have it
built in."""
OWN = "netreserve"
"""The policy module."""
"""How the error begins for a name that no kernel has; which ones there are follows."""


class Kernel(Struct, frozen=True, kw_only=True):
    """What kernel.json says, and where it stands."""

    name: str
    release: str
    """As `uname -r` says it."""
    source: str = ""
    """Where it is from: a distribution's suite, or whoever added it."""
    needs: dict[str, tuple[str, ...]] = {}
    """Modules in the folder -> what has to be loaded before."""
    builtin: tuple[str, ...] = ()
    """Of the modules that a guest may ask for, those that need no loading."""
    module: bool = True
    """Whether netreserve's own module was built for it."""
    place: str = ""
    """Its folder; empty in the file itself."""

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(self.place)

    @property
    def vmlinux(self) -> Path:
        """The ELF kernel, for QEMU's -kernel."""
        return self.folder / "vmlinux"

    def require_image(self) -> None:
        """Raises LackingError where there is nothing to boot."""
        if not self.vmlinux.is_file():
            raise LackingError(f"kernel {self.name}: {self.vmlinux} is missing: make the image again")

    def has(self, name: str) -> bool:
        """Whether a module is there or built in."""
        return name in self.needs or name in self.builtin

    def nics(self) -> tuple[str, ...]:
        """NIC models that this kernel has a driver for."""
        return tuple(nic for nic, drivers in DRIVERS.items() if any(map(self.has, drivers)))

    def modules(
        self, nic: str, *, transport: str = "nbd", disk: bool = False, server: bool = False, files: bool = False
    ) -> tuple[str, ...]:
        """All that a guest loads, in order, its NIC's driver first so that the link may come up meanwhile.

        UsageError: there is no such NIC. LackingError: this kernel lacks the driver, the transport or our module.
        """
        if nic not in DRIVERS:
            raise UsageError(f"no NIC is called {nic}: known are {', '.join(DRIVERS)}")
        if nic not in self.nics():
            raise LackingError(
                f"kernel {self.name} has no driver for NIC {nic}: it has those for {', '.join(self.nics())}"
            )
        wanted = ["virtio_pci"] if nic == "virtio-net" or disk else []
        wanted += DRIVERS[nic]
        storage = SERVER if server else ("virtio_blk",) if disk else TRANSPORTS[transport]
        if files:
            storage = (*storage, *filter(self.has, CHECKSUM), FILE_SYSTEM)
        for name in storage:
            if not self.has(name):
                raise LackingError(f"kernel {self.name} lacks the module {name}")
        if not self.module:
            raise LackingError(f"kernel {self.name} has no policy module: add it again with --headers")
        return (*ordered((*wanted, *storage), self.needs), OWN)


def folder() -> Path:
    """Where the kernels are: $NETRESERVE_KERNELS_DIR, or the image's /vm."""
    return Path(os.environ.get(FOLDER_VARIABLE, FOLDER))


def names(where: Path | None = None) -> tuple[str, ...]:
    """Names of all kernels that are there, without `default`."""
    found = (where or folder()).glob("*/kernel.json")
    return tuple(sorted(path.parent.name for path in found if path.parent.name != DEFAULT))


def find(name: str = "", where: Path | None = None) -> Kernel:
    """The kernel called `name`, or the image's default. SettingError: there is no such one, with the names of those that
    are. LackingError: there is none at all."""
    base = where or folder()
    known = names(base)
    if not known:
        raise LackingError(f"there is no kernel in {base}: use the image netreserve-kernel, or set {FOLDER_VARIABLE}")
    default = DEFAULT if (base / DEFAULT).exists() else known[0]
    if (name or default) not in (*known, default):
        raise SettingError(f"there is no kernel {name} in {base}: there are {', '.join(known)}", "kernel")
    path = base / (name or default)
    try:
        text = (path / "kernel.json").read_bytes()
    except OSError as error:
        raise LackingError(f"{path / 'kernel.json'} cannot be read ({error.strerror}): make the image again") from None
    try:
        kernel = msgspec.json.decode(text, type=Kernel)
    except msgspec.DecodeError as error:
        raise LackingError(f"{path / 'kernel.json'} is damaged ({error}): make the image again") from None
    return msgspec.structs.replace(kernel, place=str(path))
