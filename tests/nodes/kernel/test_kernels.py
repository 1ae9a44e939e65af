"""Kernels of the image: finding one, and what it says that it cannot do."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from nodes.errors import LackingError, UsageError
from nodes.kernel import kernels
from nodes.kernel.commandline import DEVICES
from nodes.kernel.kernels import Kernel, find, names

CLOUD = Kernel(
    name="trixie-cloud-amd64",
    release="6.12.1",
    needs={"virtio_net": ("net_failover",), "net_failover": ("failover",), "failover": (), "nbd": (), "vmxnet3": ()},
    builtin=("virtio_pci",),
)


def write(folder: Path, kernel: Kernel, name: str = "") -> None:
    (folder / (name or kernel.name)).mkdir()
    (folder / (name or kernel.name) / "kernel.json").write_bytes(msgspec.json.encode(kernel))


def test_kernel_is_found_by_name_and_by_default(tmp_path: Path) -> None:
    write(tmp_path, msgspec.structs.replace(CLOUD, name="a"))
    write(tmp_path, CLOUD)
    assert find("trixie-cloud-amd64", tmp_path).vmlinux == tmp_path / "trixie-cloud-amd64" / "vmlinux"
    (tmp_path / kernels.DEFAULT).symlink_to(CLOUD.name)
    assert find("", tmp_path).name == CLOUD.name
    assert names(tmp_path) == ("a", CLOUD.name)


def test_folder_is_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, CLOUD)
    monkeypatch.setenv(kernels.FOLDER_VARIABLE, str(tmp_path))
    assert find().name == CLOUD.name


def test_missing_kernel_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(LackingError, match="image netreserve-kernel"):
        find("", tmp_path)
    write(tmp_path, CLOUD)
    with pytest.raises(UsageError, match=r"no kernel sid-amd64 .*: there are trixie-cloud-amd64"):
        find("sid-amd64", tmp_path)


def test_damaged_kernel_is_told(tmp_path: Path) -> None:
    write(tmp_path, CLOUD)
    (tmp_path / CLOUD.name / "kernel.json").write_text("{")
    with pytest.raises(LackingError, match="damaged"):
        find(CLOUD.name, tmp_path)


def test_modules_come_in_order_the_card_first_ours_last() -> None:
    assert CLOUD.modules("virtio-net") == ("failover", "net_failover", "virtio_net", "nbd", "netreserve")
    assert CLOUD.modules("vmxnet3") == ("vmxnet3", "nbd", "netreserve")


def test_card_without_driver_is_told_with_those_that_have_one() -> None:
    with pytest.raises(LackingError, match="no driver for NIC e1000e: it has those for virtio-net, vmxnet3"):
        CLOUD.modules("e1000e")
    with pytest.raises(UsageError, match="no NIC is called ne2000"):
        CLOUD.modules("ne2000")


def test_every_card_is_one_that_qemu_is_asked_for() -> None:
    assert set(kernels.DRIVERS) == set(DEVICES)


def test_transport_that_is_not_there_is_told() -> None:
    with pytest.raises(LackingError, match="lacks the module nvme_tcp"):
        CLOUD.modules("vmxnet3", transport="nvme")
