"""The metadata that a guest writes makes an ext4 of its disk, whatever was on it before."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest
from requirements import require_programs

from nodes.errors import LackingError
from nodes.kernel.filesystem import PROGRAM, files_pages, metadata
from nodes.units import PAGE_BYTES

DISK_BYTES = 160 << 20
ENTRY_BYTES = 8 + PAGE_BYTES


@pytest.fixture
def told(tmp_path: Path) -> bytes:
    require_programs(PROGRAM)
    return metadata(tmp_path, DISK_BYTES)


def entries(told: bytes) -> dict[int, bytes]:
    assert len(told) % ENTRY_BYTES == 0
    whole = [told[start : start + ENTRY_BYTES] for start in range(0, len(told), ENTRY_BYTES)]
    return {struct.unpack("<Q", entry[:8])[0]: entry[8:] for entry in whole}


def test_it_is_short_and_within_the_disk(told: bytes, tmp_path: Path) -> None:
    places = entries(told)
    assert 0 < len(places) < 100
    assert all(place % PAGE_BYTES == 0 and place < DISK_BYTES for place in places)
    assert all(any(block) for block in places.values())
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_written_onto_a_disk_it_is_a_sound_file_system_with_room_for_the_files(told: bytes, tmp_path: Path) -> None:
    require_programs("e2fsck", "dumpe2fs")
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        os.truncate(file.fileno(), DISK_BYTES)
        for place, block in entries(told).items():
            os.pwrite(file.fileno(), block, place)
    checked = subprocess.run(["e2fsck", "-f", "-n", str(disk)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    said = subprocess.run(["dumpe2fs", "-h", str(disk)], capture_output=True, text=True, check=True).stdout
    free = next(int(line.split()[-1]) for line in said.splitlines() if line.startswith("Free blocks:"))
    assert free > files_pages(DISK_BYTES // PAGE_BYTES) * 1.01, "and one per cent for their own maps"


def test_a_disk_that_is_too_small_is_told(tmp_path: Path) -> None:
    require_programs(PROGRAM)
    with pytest.raises(LackingError, match="no file system of this size can be made"):
        metadata(tmp_path, 16 << 10)
    assert not list(tmp_path.iterdir())


def test_without_the_program_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LackingError, match="mke2fs is missing: install the package e2fsprogs"):
        metadata(tmp_path, DISK_BYTES)
