"""How pages reach their store: for each transport whether packets carry it, and whether its socket may use the reserve.

Who calls sk_set_memalloc is a complete list for 6.1 and 6.12 (physics.md section 3): nbd, iscsi_tcp, nvme-tcp, and sunrpc
for a mount with a swap file on it. It cannot be read from a running kernel: what is said here of a live machine is inferred.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Transport(Struct, frozen=True, kw_only=True):
    """`networked`: None where it cannot be seen from the machine itself."""

    title: str
    networked: bool | None
    flag: Literal["yes", "no", "none"] = "none"
    """SOCK_MEMALLOC on its socket: set, never set, or there is no socket of the machine's own kernel."""
    source: str = "physics.md section 3"


TRANSPORTS: dict[str, Transport] = {
    "nbd": Transport(title="NBD", networked=True, flag="yes"),
    "nvme-tcp": Transport(title="NVMe/TCP", networked=True, flag="yes"),
    "iscsi": Transport(title="iSCSI", networked=True, flag="yes"),
    "nfs": Transport(title="NFS", networked=True, flag="yes"),
    "rbd": Transport(title="Ceph RBD", networked=True, flag="no"),
    "ceph": Transport(title="CephFS", networked=True, flag="no"),
    "drbd": Transport(title="DRBD", networked=True, flag="no"),
    "aoe": Transport(title="ATA over Ethernet", networked=True, flag="no"),
    "cifs": Transport(title="SMB", networked=True, flag="no"),
    "9p": Transport(title="9P", networked=None, flag="no"),
    "gluster": Transport(title="GlusterFS", networked=True, flag="no"),
    "fuse": Transport(title="FUSE", networked=None, flag="no", source="physics.md section 10 rows 3 and 17"),
    "ublk": Transport(title="ublk", networked=None, flag="no", source="physics.md section 10 row 10"),
    "nvme-rdma": Transport(title="NVMe/RDMA", networked=True, source="no measurement: RDMA keeps its own buffers"),
    "fc": Transport(
        title="Fibre Channel", networked=False, source="physics.md section 11: completions allocate nothing"
    ),
    "virtio": Transport(title="virtio disk", networked=None, source="the host decides what is below"),
    "hypervisor": Transport(title="hypervisor's disk", networked=None, source="the host decides what is below"),
    "zvol": Transport(title="ZFS volume", networked=False, source="physics.md section 10 rows 4 and 5"),
    "zfs": Transport(title="ZFS", networked=False, source="physics.md section 10 row 5"),
    "zram": Transport(title="zram", networked=False, source="memory itself"),
    "local": Transport(title="local disk", networked=False, source="physics.md section 11"),
    "unknown": Transport(title="not known", networked=None, source="the device could not be followed"),
}
