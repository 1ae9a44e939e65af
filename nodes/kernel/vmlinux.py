"""The ELF file inside a bzImage, which QEMU starts at once through its PVH note, without the kernel unpacking itself.

Sources: Documentation/arch/x86/boot.rst (setup_sects, kernel_version, payload_offset, payload_length),
arch/x86/platform/pvh/head.S.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from nodes.errors import LackingError, UsageError

_SETUP_SECTS, _MAGIC, _VERSION, _PAYLOAD = 0x1F1, 0x202, 0x20E, 0x248
_SECTOR_BYTES = 512


class _Stream(Protocol):
    """What Python's decompressors have in common."""

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def _library(make: Callable[[], _Stream]) -> Callable[[bytes], bytes]:
    """Empty when the stream is damaged or cut off. What follows it, such as the payload's size, is ignored."""

    def run(data: bytes) -> bytes:
        stream = make()
        try:
            unpacked = stream.decompress(data)
        except (lzma.LZMAError, zlib.error, OSError):  # bz2 raises the last
            return b""
        return unpacked if stream.eof else b""

    return run


def _program(*command: str) -> Callable[[bytes], bytes]:
    def run(data: bytes) -> bytes:
        try:
            return subprocess.run(command, input=data, capture_output=True, check=False).stdout
        except FileNotFoundError:
            raise LackingError(
                f"this kernel is compressed with {command[0]}: install the program {command[0]}"
            ) from None

    return run


_FORMATS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\xfd7zXZ\0": _library(lzma.LZMADecompressor),
    b"\x1f\x8b": _library(lambda: zlib.decompressobj(wbits=31)),
    b"BZh": _library(bz2.BZ2Decompressor),
    b"\x28\xb5\x2f\xfd": _program("zstd", "-dc"),
    b"\x02\x21\x4c\x18": _program("lz4", "-dc"),
}
"""First bytes of a compressed stream -> how it is unpacked (lib/decompress.c)."""


def unpack(data: bytes, name: str) -> bytes:
    """`data` without its compression, as its first bytes tell; data that is not compressed comes back as it is. UsageError:
    it is damaged."""
    for magic, decompress in _FORMATS.items():
        if data.startswith(magic):
            unpacked = decompress(data)
            if not unpacked:
                raise UsageError(f"{name} is damaged: it cannot be unpacked")
            return unpacked
    return data


def extract(bzimage: Path) -> bytes:
    """The kernel's ELF file. UsageError: `bzimage` is not a kernel image, or one without a PVH entry."""
    image = bzimage.read_bytes()
    if image.startswith(b"\x7fELF"):
        return _with_pvh(image, bzimage)
    if not _has_header(image):
        raise UsageError(f"{bzimage} is not an x86 kernel image (bzImage, as in /boot/vmlinuz-*)")
    offset, length = struct.unpack_from("<II", image, _PAYLOAD)
    start = ((image[_SETUP_SECTS] or 4) + 1) * _SECTOR_BYTES + offset
    return _with_pvh(unpack(image[start : start + length], str(bzimage)), bzimage)


def release_of(bzimage: Path) -> str:
    """What `uname -r` would say of a kernel image, by its header; empty where it has none or does not say."""
    image = bzimage.read_bytes()
    pointer = struct.unpack_from("<H", image, _VERSION)[0] if _has_header(image) else 0
    if not pointer:
        return ""
    text = image[pointer + _SECTOR_BYTES :].partition(b"\0")[0]  # counted from behind the boot sector
    return next(iter(text.decode("ascii", "replace").split()), "")


def _has_header(image: bytes) -> bool:
    return len(image) >= _PAYLOAD + 8 and image[_MAGIC : _MAGIC + 4] == b"HdrS"


def _with_pvh(elf: bytes, source: Path) -> bytes:
    if not elf.startswith(b"\x7fELF"):
        raise UsageError(f"{source} holds no ELF kernel in a form that is known (xz, gzip, bzip2, zstd, lz4)")
    try:
        found = has_pvh_note(elf)
    except struct.error:
        raise UsageError(f"{source} is damaged: its ELF headers lead beyond its end") from None
    if not found:
        raise UsageError(f"the kernel in {source} has no PVH entry: CONFIG_PVH=y is needed")
    return elf


def has_pvh_note(elf: bytes) -> bool:
    """Whether an ELF file names its PVH entry: note 18 of owner `Xen` (xen/interface/elfnote.h, PHYS32_ENTRY)."""
    offset, size, count = struct.unpack_from("<Q", elf, 32)[0], *struct.unpack_from("<HH", elf, 54)
    for index in range(count):
        kind, _, start, _, _, length = struct.unpack_from("<IIQQQQ", elf, offset + index * size)
        if kind == 4 and _notes_hold_pvh(elf[start : start + length]):
            return True
    return False


def _notes_hold_pvh(notes: bytes) -> bool:
    at = 0
    while at + 12 <= len(notes):
        name_bytes, value_bytes, kind = struct.unpack_from("<III", notes, at)
        if kind == 18 and notes[at + 12 : at + 12 + name_bytes] == b"Xen\0":
            return True
        at += 12 + (name_bytes + 3 & ~3) + (value_bytes + 3 & ~3)
    return False
