"""A disk is the machine's own or the network's by what its controller or host says, and by nothing else."""

from __future__ import annotations

import pytest

from nodes.frozen.disks import Disks
from nodes.frozen.lines import messages

LOG = (
    "nvme nvme0: pci function 0000:01:00.0",
    'nvme nvme1: new ctrl: NQN "nqn.2014-08.org.example:x", addr 192.0.2.1:4420',
    "scsi host0: ahci",
    "scsi host6: iSCSI Initiator over TCP/IP",
    "scsi host7: TCM_Loopback",
    "sd 0:0:0:0: [sda] Attached SCSI disk",
    "sd 6:0:0:0: [sdb] Attached SCSI disk",
    "sd 7:0:0:0: [sdc] Attached SCSI disk",
)


def disks(*lines: str) -> Disks:
    return Disks(messages([f"[    1.000000] {line}" for line in lines]))


@pytest.mark.parametrize(
    ("device", "own", "remote"),
    [
        ("nvme0n1p3", True, False), ("nvme1n1", False, True), ("sda2", True, False), ("sdb", False, True),
        ("sdc1", False, False), ("sdd", False, False), ("nvme2n1", False, False), ("dm-0", False, False),
    ],
)  # fmt: skip
def test_whose_a_disk_is(device: str, own: bool, remote: bool) -> None:
    found = disks(*LOG)
    assert (found.own(device), found.remote(device), found.targets_here) == (own, remote, True)


def test_a_host_of_before_2_6_27_is_read() -> None:
    found = disks("scsi0 : ahci", "scsi1 : iSCSI Initiator over TCP/IP", "sd 0:0:0:0: [sda] x", "sd 1:0:0:0: [sdb] x")
    assert (found.own("sda"), found.remote("sdb"), found.targets_here) == (True, True, False)


def test_a_host_that_the_log_does_not_name_tells_nothing() -> None:
    assert not disks("sd 3:0:0:0: [sda] Attached SCSI disk").own("sda")
