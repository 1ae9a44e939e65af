"""Getting the ELF kernel out of what a distribution ships."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import kernelfiles
import pytest

from nodes.errors import UsageError
from nodes.kernel.vmlinux import extract, has_pvh_note, release_of, unpack


@pytest.mark.parametrize(
    "compress", [lzma.compress, gzip.compress, bz2.compress, bytes], ids=["xz", "gzip", "bzip2", "plain"]
)
def test_elf_comes_out_as_it_went_in(tmp_path: Path, compress: object) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(kernelfiles.bzimage(compress(kernelfiles.elf())))  # type: ignore[operator]
    assert extract(path) == kernelfiles.elf()


@pytest.mark.skipif(shutil.which("zstd") is None, reason="needs the program zstd")
def test_zstd(tmp_path: Path) -> None:
    packed = subprocess.run(["zstd", "-c"], input=kernelfiles.elf(), capture_output=True, check=True).stdout
    (tmp_path / "vmlinuz").write_bytes(kernelfiles.bzimage(packed))
    assert extract(tmp_path / "vmlinuz") == kernelfiles.elf()


def test_elf_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_bytes(kernelfiles.elf())
    assert extract(tmp_path / "vmlinux") == kernelfiles.elf()


@pytest.mark.parametrize(
    ("content", "release"),
    [
        (kernelfiles.bzimage(b"", "6.12.1+deb13-amd64 (debian-kernel@lists.debian.org) #1 SMP"), "6.12.1+deb13-amd64"),
        (kernelfiles.bzimage(b"", "6.12.1"), "6.12.1"),
        (kernelfiles.bzimage(b""), ""),
        (kernelfiles.bzimage(b"")[:0x20E] + b"\xff\xff" + kernelfiles.bzimage(b"")[0x210:], ""),
        (kernelfiles.elf(), ""),
        (b"HdrS", ""),
    ],
    ids=["Debian's", "release alone", "not said", "beyond the end", "ELF", "no kernel"],
)
def test_release_is_read_from_the_header(tmp_path: Path, content: bytes, release: str) -> None:
    (tmp_path / "vmlinuz").write_bytes(content)
    assert release_of(tmp_path / "vmlinuz") == release


def test_kernel_without_pvh_entry_is_told(tmp_path: Path) -> None:
    assert not has_pvh_note(kernelfiles.elf(pvh=False))
    (tmp_path / "vmlinuz").write_bytes(kernelfiles.bzimage(kernelfiles.elf(pvh=False)))
    with pytest.raises(UsageError, match="CONFIG_PVH=y"):
        extract(tmp_path / "vmlinuz")


@pytest.mark.parametrize("content", [b"", b"a text", bytes(4096)])
def test_what_is_no_kernel_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes.txt").write_bytes(content)
    with pytest.raises(UsageError, match=r"notes.txt is not an x86 kernel image"):
        extract(tmp_path / "notes.txt")


def test_payload_of_unknown_form_is_told(tmp_path: Path) -> None:
    (tmp_path / "vmlinuz").write_bytes(kernelfiles.bzimage(b"\x5d\x00\x00 and more"))
    with pytest.raises(UsageError, match="no ELF kernel in a form that is known"):
        extract(tmp_path / "vmlinuz")


@pytest.mark.parametrize("compress", [lzma.compress, gzip.compress, bz2.compress], ids=["xz", "gzip", "bzip2"])
def test_a_damaged_payload_is_told(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    packed = compress(kernelfiles.elf() + bytes(range(256)) * 16)
    for damaged in (packed[:-20], packed[:12] + bytes(12) + packed[24:], packed[:8]):
        (tmp_path / "vmlinuz").write_bytes(kernelfiles.bzimage(damaged))
        with pytest.raises(UsageError, match=r"vmlinuz is damaged"):
            extract(tmp_path / "vmlinuz")
        with pytest.raises(UsageError, match=r"nbd\.ko is damaged"):
            unpack(damaged, "nbd.ko")


@pytest.mark.parametrize("length", [5, 60, 70])
def test_an_elf_file_that_is_cut_off_is_told(tmp_path: Path, length: int) -> None:
    (tmp_path / "vmlinux").write_bytes(kernelfiles.elf()[:length])
    with pytest.raises(UsageError, match="vmlinux is damaged: its ELF headers lead beyond its end"):
        extract(tmp_path / "vmlinux")
