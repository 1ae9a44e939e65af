"""Modules in a kernel's folder: names, needs, order."""

from __future__ import annotations

from pathlib import Path

import kernelfiles
import pytest

from nodes.errors import UsageError
from nodes.kernel.modules import collect, ordered, plain, read_tree, said


def test_names_are_the_kernels() -> None:
    assert plain("kernel/drivers/nvme/host/nvme-tcp.ko.xz") == "nvme_tcp"
    assert plain("8139cp.ko") == "8139cp"


def test_tree_has_files_and_what_is_built_in(tmp_path: Path) -> None:
    tree = read_tree(kernelfiles.tree(tmp_path))
    assert {"e1000e", "nbd", "nvme_tcp", "sound"} <= set(tree.files)
    assert tree.builtin == {"virtio_pci"}


def test_collected_are_the_wanted_and_what_they_need_unpacked(tmp_path: Path) -> None:
    found = collect(["nvme_tcp", "nbd", "virtio_pci", "unheard_of"], read_tree(kernelfiles.tree(tmp_path)))
    assert set(found) == {"nvme_tcp", "nvme_fabrics", "nvme_core", "nbd"}
    assert said(found["nbd"][0], "vermagic").startswith(kernelfiles.RELEASE)


def test_order_has_needs_first_and_nothing_twice() -> None:
    needs = {"tcp": ("fabrics", "core"), "fabrics": ("core",), "core": (), "nbd": ()}
    assert ordered(["nbd", "tcp", "core", "builtin"], needs) == ["nbd", "core", "fabrics", "tcp"]


def test_another_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"modules\.builtin"):
        read_tree(tmp_path)
