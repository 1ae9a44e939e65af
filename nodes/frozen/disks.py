"""Whose disks are called alike: the machine's own, or those of a network or of a target on the same machine (sd, nvme).

nvme nvme0: pci function 0000:01:00.0                    its own (drivers/nvme/host/pci.c)
nvme nvme1: new ctrl: NQN "...", addr 192.0.2.1:4420     the network's (drivers/nvme/host/fabrics.c, tcp.c)
scsi host0: ahci             sd 0:0:0:0: [sda] ...       its own; older kernels write `scsi0 : ahci`
scsi host6: iSCSI Initiator over TCP/IP  sd 6:0:0:0: [sdb] ...      the network's (drivers/scsi/hosts.c, iscsi_tcp.c)
scsi host7: TCM_Loopback     sd 7:0:0:0: [sdc] ...       of a target on this machine (drivers/target/loopback)
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from nodes.frozen.lines import Message

_NVME = re.compile(r"nvme (?P<name>nvme\d+): (?:(?P<own>pci function )|new ctrl: NQN .*, addr )")
_HOST = re.compile(r"scsi ?(?:host)?(?P<host>\d+) ?: (?P<driver>\S.*)")
_DISK = re.compile(r"sd (?P<host>\d+):\d+:\d+:\d+: \[(?P<name>sd[a-z]+)\]")
_ISCSI, _TARGET = "iSCSI Initiator", re.compile("TCM_Loopback|TCMU|LIO-ORG")
_CONTROLLER_OR_DISK = re.compile(r"nvme\d+|sd[a-z]+")


class Disks:
    """What one log tells of them."""

    def __init__(self, log: Iterable[Message]) -> None:
        self._own: set[str] = set()
        self._remote: set[str] = set()
        self.targets_here = False
        """A target of this machine may serve its own disks."""
        hosts: dict[str, str] = {}
        disks: dict[str, str] = {}
        for message in log:
            text = message.text
            if text.startswith("nvme") and (found := _NVME.match(text)):
                (self._own if found["own"] else self._remote).add(found["name"])
            elif text.startswith("scsi") and (found := _HOST.match(text)):
                hosts[found["host"]] = found["driver"]
            elif text.startswith("sd ") and (found := _DISK.match(text)):
                disks[found["name"]] = found["host"]
            self.targets_here = self.targets_here or bool("scsi" in text and _TARGET.search(text))
        remote = {host for host, driver in hosts.items() if driver.startswith(_ISCSI)}
        for name, host in disks.items():
            if host in remote:
                self._remote.add(name)
            elif (host in hosts or remote) and not _TARGET.match(hosts.get(host, "")):
                self._own.add(name)

    def own(self, device: str) -> bool:
        """Whether the log shows `device`, a partition as `nvme0n1p3` or `sda2`, to be the machine's own."""
        return _disk(device) in self._own

    def remote(self, device: str) -> bool:
        """Whether it shows it to be the network's."""
        return _disk(device) in self._remote


def _disk(device: str) -> str:
    found = _CONTROLLER_OR_DISK.match(device)
    return found[0] if found else ""
