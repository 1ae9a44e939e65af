"""The guest's root, as cpio(1) reads it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import msgspec
import pytest
from requirements import require_programs

from nodes.errors import LackingError
from nodes.kernel.initramfs import compose
from nodes.kernel.kernels import Kernel

KERNEL = Kernel(name="k", release="6.1", needs={"e1000e": (), "nbd": (), "other": ()})


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    (tmp_path / "modules").mkdir()
    (tmp_path / "init").write_bytes(b"\x7fELF init")
    for name in ("e1000e", "nbd", "other", "netreserve"):
        (tmp_path / "modules" / f"{name}.ko").write_bytes(name.encode() * 100)
    return msgspec.structs.replace(KERNEL, place=str(tmp_path))


def unpacked(archive: bytes, into: Path) -> Path:
    require_programs("cpio")
    into.mkdir()
    subprocess.run(["cpio", "-id", "--quiet"], input=archive, cwd=into, check=True)
    return into


def test_it_holds_what_the_guest_loads_and_nothing_else(kernel: Kernel, tmp_path: Path) -> None:
    root = unpacked(compose(kernel, "e1000e", options={"netreserve": "probes=0"}), tmp_path / "root")
    assert sorted(path.name for path in (root / "m").iterdir()) == ["e1000e.ko", "list", "nbd.ko", "netreserve.ko"]
    assert (root / "m" / "list").read_text() == "e1000e\nnbd nbds_max=1 max_part=4\nnetreserve probes=0\n"
    assert (root / "init").read_bytes() == b"\x7fELF init"
    assert (root / "init").stat().st_mode & 0o111


def test_the_metadata_of_a_file_system_comes_with_its_modules(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "modules" / "ext4.ko").write_bytes(b"ext4")
    with pytest.raises(LackingError, match="lacks the module ext4"):
        compose(kernel, "e1000e", files=b"blocks")
    able = msgspec.structs.replace(kernel, needs={**kernel.needs, "ext4": ()})
    root = unpacked(compose(able, "e1000e", files=b"blocks"), tmp_path / "root")
    assert (root / "m" / "filesystem").read_bytes() == b"blocks"
    assert (root / "m" / "list").read_text().splitlines()[1:] == ["nbd nbds_max=1 max_part=4", "ext4", "netreserve"]


def test_without_the_module_the_list_has_none(kernel: Kernel) -> None:
    assert b"netreserve" not in compose(kernel, "e1000e", module=False)


def test_it_is_quick_with_a_megabyte_of_modules(kernel: Kernel) -> None:
    (kernel.folder / "modules" / "nbd.ko").write_bytes(bytes(1 << 20))
    began = time.perf_counter()
    assert len(compose(kernel, "e1000e")) % 512 == 0
    assert time.perf_counter() - began < 0.1


def test_missing_file_is_told(kernel: Kernel) -> None:
    (kernel.folder / "modules" / "nbd.ko").unlink()
    with pytest.raises(LackingError, match=r"nbd\.ko is missing"):
        compose(kernel, "e1000e")
