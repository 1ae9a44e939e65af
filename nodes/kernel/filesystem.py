"""The metadata of an empty ext4, as a guest writes it to its part of the target's disk: mke2fs makes it here, where a file
system's tools are, so that the guest needs none."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from nodes.errors import LackingError
from nodes.units import PAGE_BYTES

PROGRAM = "mke2fs"
NAME = "filesystem"
"""The archive's file m/filesystem (guest/files.c)."""
FILES_SHARE = (15, 16)
"""Of the disk: what the application's files take of it, in whole pages. The rest is for the file system's journal of 4 MiB,
its inodes and maps, and for what ext4 wants free to place files well (own)."""
_OPTIONS = (
    "-q", "-F", "-t", "ext4", "-b", str(PAGE_BYTES), "-m", "0", "-i", "1048576", "-J", "size=4",
    "-O", "^resize_inode", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
)  # fmt: skip
"""Nothing is zeroed that need not be, so that the metadata is short; nothing of the disk is kept back."""


def files_pages(disk_pages: int) -> int:
    """How many pages of files the application has on such a disk."""
    share, whole = FILES_SHARE
    return disk_pages * share // whole


def metadata(folder: Path, disk_bytes: int) -> bytes:
    """All blocks that are not empty, each after its place: 8 bytes, little endian, of the byte that it begins at. `folder`
    holds a sparse file meanwhile. LackingError: mke2fs is missing, or says why it cannot be."""
    disk = folder / NAME
    try:
        disk.touch()
        os.truncate(disk, disk_bytes)
        _run(PROGRAM, *_OPTIONS, str(disk), f"{disk_bytes // PAGE_BYTES}")
        return b"".join(struct.pack("<Q", place) + block for place, block in _blocks(disk))
    finally:
        disk.unlink(missing_ok=True)


def _blocks(disk: Path) -> Iterator[tuple[int, bytes]]:
    """Data of a sparse file, hole by hole."""
    empty = bytes(PAGE_BYTES)
    with disk.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        place = 0
        while place < end:
            try:
                place = os.lseek(file.fileno(), place, os.SEEK_DATA) // PAGE_BYTES * PAGE_BYTES
            except OSError:
                return  # nothing but a hole is left
            hole = os.lseek(file.fileno(), place, os.SEEK_HOLE)
            while place < hole:
                block = os.pread(file.fileno(), PAGE_BYTES, place)
                if block != empty:
                    yield place, block
                place += PAGE_BYTES


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LackingError(f"the program {command[0]} is missing: install the package e2fsprogs") from None
    if done.returncode:
        raise LackingError(f"no file system of this size can be made: {' '.join(done.stderr.split())}")
