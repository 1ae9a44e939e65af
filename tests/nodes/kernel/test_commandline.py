from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from nodes.errors import LackingError, UsageError
from nodes.kernel.accelerator import choose
from nodes.kernel.commandline import CHANNELS, Guest, check_memory, command, container_bytes, device_of

GUEST = Guest(
    kernel=Path("/vm/k/vmlinux"),
    initramfs=Path("/tmp/initramfs"),
    words="nr.address=198.18.1.5/24",
    memory_bytes=128 << 20,
    cpus=2,
    nic="virtio-net",
    mac="02:42:c6:12:01:05",
    tap="tap0",
)
DESCRIPTORS = {name: 10 + index for index, name in enumerate(CHANNELS)}
EMULATED = choose(lambda: "no")


def test_a_guest_is_a_small_pc_with_the_card_that_the_scenario_names() -> None:
    arguments = command(GUEST, EMULATED, DESCRIPTORS)
    words = " ".join(arguments)
    assert arguments[0] == "qemu-system-x86_64"
    assert "-m 128M -smp 2" in words and "-no-reboot" in words
    assert "-device virtio-net-pci,netdev=data,mac=02:42:c6:12:01:05,romfile=" in words
    assert "ifname=tap0" in words and "isa-debugcon,iobase=0x402" in words
    append = arguments[arguments.index("-append") + 1]
    assert append.endswith("nr_cpus=2 nr.address=198.18.1.5/24")
    assert "virtio-blk-pci" not in words


def test_control_groups_for_memory_are_there_only_where_they_are_wanted() -> None:
    without, with_them = (
        " ".join(command(msgspec.structs.replace(GUEST, cgroups=wanted), EMULATED, DESCRIPTORS))
        for wanted in (False, True)
    )
    assert "cgroup_disable=memory" in without and "cgroup_disable" not in with_them


def test_every_channel_is_an_inherited_socket() -> None:
    words = " ".join(command(GUEST, EMULATED, DESCRIPTORS))
    for name, descriptor in DESCRIPTORS.items():
        assert f"socket,id={name},fd={descriptor}" in words


def test_a_disk_is_attached_when_there_is_one() -> None:
    words = " ".join(command(msgspec.structs.replace(GUEST, disk=Path("/tmp/disk")), EMULATED, DESCRIPTORS))
    assert "file=/tmp/disk" in words and "virtio-blk-pci" in words


def test_a_card_that_is_in_no_machine_or_unknown_is_refused() -> None:
    with pytest.raises(LackingError, match="tier sim or container"):
        device_of("ideal")
    with pytest.raises(UsageError, match="did you mean 'e1000e'"):
        device_of("e1000ee")


def test_memory_that_is_too_small_to_boot_is_refused_with_the_least() -> None:
    with pytest.raises(UsageError, match=r"64 MiB.*at least 72 MiB"):
        check_memory(16_384)
    check_memory(18_432)


def test_a_container_needs_more_than_its_guest() -> None:
    assert container_bytes(128 << 20) > 192 << 20
