"""The least files that pass for a kernel: an ELF with a PVH note, a bzImage around it, modules that say what they are."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

RELEASE = "6.12.1+test"


def elf(*, pvh: bool = True) -> bytes:
    """An ELF file whose only segment is a note, Xen's PHYS32_ENTRY or (without `pvh`) another of Xen's."""
    note = struct.pack("<III", 4, 8, 18 if pvh else 6) + b"Xen\0" + bytes(8)
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(note), len(note), 4) + note


def bzimage(payload: bytes, version: str = "") -> bytes:
    """A kernel image of one setup sector and this payload. `version`: as its header has it, the release first."""
    image = bytearray(1024)
    image[0x1F1] = 1
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", image, 0x248, 0, len(payload))
    if version:
        struct.pack_into("<H", image, 0x20E, 0x300 - 0x200)
        image[0x300 : 0x300 + len(version)] = version.encode()
    return bytes(image) + payload + b"behind"


def module(depends: str = "", release: str = RELEASE) -> bytes:
    """What of a module is read: its .modinfo."""
    return f"\0license=GPL\0depends={depends}\0vermagic={release} SMP mod_unload\0".encode()


def tree(folder: Path, release: str = RELEASE) -> Path:
    """A folder of modules: an e1000e that needs nothing, an nbd, nvme-tcp that needs two, virtio_pci built in."""
    kernel = folder / "lib" / "modules" / release / "kernel" / "drivers"
    kernel.mkdir(parents=True)
    (kernel / "e1000e.ko").write_bytes(module(release=release))
    (kernel / "nbd.ko.gz").write_bytes(gzip.compress(module(release=release)))
    (kernel / "nvme-tcp.ko").write_bytes(module("nvme-fabrics,nvme-core", release))
    (kernel / "nvme-fabrics.ko").write_bytes(module("nvme-core", release))
    (kernel / "nvme-core.ko").write_bytes(module(release=release))
    (kernel / "sound.ko").write_bytes(module(release=release))
    (kernel.parents[1] / "modules.builtin").write_text("kernel/drivers/virtio/virtio_pci.ko\n")
    return kernel.parents[1]
