"""What lies below swap and files: the network, this machine's own disks, or a layer between, as far as the log tells.

By the device's name where swap was switched on or something was said of a device, by functions and modules on stacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from nodes.frozen.disks import Disks
from nodes.frozen.functions import RECLAIM, SWAP
from nodes.frozen.lines import Message
from nodes.frozen.shapes import has
from nodes.frozen.stacks import Stack

Kind = Literal["network", "local", "layer", "unknown"]
"""`layer`: device mapper, RAID, loop, ZFS: what is below it does not stand in its name."""


class Storage(Struct, frozen=True):
    """What somebody waits for an answer of."""

    kind: Kind
    tag: str = ""
    """The layer or the transport: what `servers` compares."""
    name: str = "the storage"
    """In words, as `the NBD server` or `the local disk sda2`."""
    sure: bool = True
    """False: nothing on the stack or of the device says so, only other lines of the log."""


UNKNOWN = Storage("unknown")
FILES = "files"
"""Tag of a local file system, whose device does not stand on stacks."""
BLOCKS = ("nbd", "nvme", "iscsi", "ceph", "drbd", "rnbd")
"""Tags of transports that carry block devices, on which a file system may lie."""
LUN = "lun"
"""Tag of a SCSI disk that a target on this machine may serve."""
_LOST = re.compile(
    r"[Ff]ailing path|remaining active paths: 0|detected conn error|ping timeout|blocked FC remote port|offlined"
)
OTHER = "other"
"""Tag of a block device whose name we do not know."""
OPEN = (OTHER, "9p", "gpfs")
"""Layers that may be a network's though no other line of the log speaks of one: 9p goes over virtio or over TCP."""
_SWAP_ON = re.compile(r"Adding (?:Swap: )?\d+k swap(?:-space)? (?:on|\()\s*(?P<device>[^\s)]+)|Adding Swap: \d+k.*")
_DEVICES: tuple[tuple[str, Kind, str, str], ...] = (
    (r"nbd\d", "network", "nbd", "the NBD server ({})"),
    (r"rnbd\d", "network", "rnbd", "the RNBD server ({})"),
    (r"rbd\d", "network", "ceph", "the Ceph cluster ({})"),
    (r"drbd\d", "network", "drbd", "the DRBD peer or disk ({})"),
    (r"etherd/", "network", "aoe", "the AoE target ({})"),
    (r"dm-\d|mapper/", "layer", "dm", "the device mapper's device {}"),
    (r"ublkb\d", "layer", "ublk", "the ublk device {}"),
    (r"loop\d", "layer", "loop", "the loop device {}"),
    (r"zd\d|zvol/", "layer", "zfs", "the ZFS volume {}"),
    (r"md\d", "layer", "md", "the RAID device {}"),
    (r"bcache\d", "layer", "bcache", "the bcache device {}"),
    (r"zram\d", "local", "zram", "zram, which is memory ({})"),
    (r"mmcblk\d", "local", "mmc", "the local card {}"),
    (r"(?:sd|hd|xvd|vd|dasd|ubd)[a-z]|nvme\d|cciss|pmem\d|mtdblock|ram\d", "local", "disk", "the local disk {}"),
)
"""How a block device's name begins below /dev, what it is, and its words."""
_FRAMES: tuple[tuple[str, Kind, str, str], ...] = (
    (r"nbd_|\S+ \[nbd\]", "network", "nbd", "the NBD server"),
    (r"nvme_(?:tcp|rdma|fc)_|\S+ \[nvme_(?:tcp|rdma|fc)\]", "network", "nvme", "the NVMe target"),
    (r"iscsi_|\S+ \[(?:libiscsi|iscsi_tcp|libiscsi_tcp)\]", "network", "iscsi", "the iSCSI target"),
    (r"(?:rbd|ceph)_|\S+ \[(?:rbd|ceph|libceph)\]", "network", "ceph", "the Ceph cluster"),
    (r"drbd_|\S+ \[drbd\w*\]", "network", "drbd", "the DRBD peer or disk"),
    (r"(?:nfs|nfs[234]|rpc|xs|xprt|nfs_\w+)_|\S+ \[(?:nfs|nfsv[234]|sunrpc)\]", "network", "nfs", "the NFS server"),
    (r"(?:cifs|smb[23]?)_|\S+ \[cifs\]", "network", "cifs", "the SMB server"),
    (r"(?:gfs2_glock_(?:async_)?wait|ocfs2_wait_for_mask|ocfs2_cluster_lock|dlm_lock_sync|o2net_send_message\w*)\b",
     "network", "dlm", "the other nodes (DLM)"),
    (r"(?:afs|rxrpc)_|\S+ \[(?:kafs|rxrpc|openafs|libafs)\]", "network", "afs", "the AFS server"),
    (r"ptlrpc_|\S+ \[(?:lustre|ptlrpc|obdclass|osc|mdc|lov|lmv|lnet)\]", "network", "lustre", "the Lustre servers"),
    (r"(?:v9fs|p9)_|\S+ \[9p\w*\]", "layer", "9p", "the 9p server"),
    (r"\S+ \[mmfs\w*\]", "layer", "gpfs", "the GPFS daemon"),
    (r"aoe\w*_|\S+ \[aoe\]", "network", "aoe", "the AoE target"),
    (r"fuse_|\S+ \[fuse\]", "layer", "fuse", "the process that serves the file system (FUSE)"),
    (r"(?:dm|crypt|kcryptd|thin)_|\S+ \[dm_\w+\]", "layer", "dm", "the device mapper"),
    (r"(?:z(?:vol|io|pl|fs|il)|spa|txg|dmu|arc|vdev|dbuf)_|\S+ \[(?:zfs|spl)\]", "layer", "zfs", "the ZFS pool"),
    (r"(?:md|raid\d+)_|\S+ \[(?:md_mod|raid\d+)\]", "layer", "md", "the RAID"),
    (r"(?:loop|lo)_|\S+ \[loop\]", "layer", "loop", "the loop device"),
    (r"zram_|\S+ \[zram\]", "local", "zram", "zram, which is memory"),
    (r"mmc_|\S+ \[mmc_\w+\]", "local", "mmc", "the local card (eMMC or SD)"),
    (r"(?:usb_stor|uas)_|\S+ \[(?:usb_storage|uas)\]", "local", "usb", "the local USB disk"),
    (r"(?:virtblk|virtio_queue_rq)|\S+ \[virtio_blk\]", "local", "disk", "the hypervisor's disk"),
    (r"(?:ata|ahci|sd|nvme_queue)_|\S+ \[(?:libata|ahci|nvme)\]", "local", "disk", "the local disk"),
    (r"(?P<fs>ext[234]|jbd2?|xfs|btrfs|f2fs|jfs|reiserfs|ocfs2|gfs2|fat|exfat|ntfs3?|nilfs|ubifs|squashfs|bcachefs|bch2|hfs\w*)_"
     r"|\S+ \[(?P<module>ext4|jbd2?|xfs|btrfs|f2fs|jfs|reiserfs|ocfs2|gfs2|ntfs3?|bcachefs)\]",
     "local", "files", "the disk below the file system {}"),
)  # fmt: skip
"""How a frame begins, `function [module]`. The network stands before layers and these before files: the
lowest counts."""
_NETWORK: tuple[tuple[str, str, str], ...] = (
    (r"\bnbd\d+\b|\[nbd\]", "nbd", "the NBD server"),
    (r"nvme_(?:tcp|rdma|fc)\b|nvme nvme\d+: (?:new ctrl: NQN|Reconnecting|creating \d+ I/O queues|starting error recovery"
     r"|failed to connect socket|Failed reconnect|rescanning)", "nvme", "the NVMe target"),
    (r"\biscsi_tcp|\blibiscsi|\bconnection\d+:\d+: |iSCSI Initiator", "iscsi", "the iSCSI target"),
    (r"\blibceph\b|\brbd\d+\b|\[rbd\]|\[ceph\]", "ceph", "the Ceph cluster"),
    (r"\bdrbd\b", "drbd", "the DRBD peer or disk"),
    (r"\bnfs: server |\[nfsv?[34]?\]|\b(?:xs|xprt)_\w+|\brpc_async_schedule\b|Root-NFS|VFS: Mounted root \(nfs",
     "nfs", "the NFS server"),
    (r"\bCIFS: |\[cifs\]", "cifs", "the SMB server"),
)  # fmt: skip
_COMPILED_FRAMES = [(re.compile(form), kind, tag, words) for form, kind, tag, words in _FRAMES]
_COMPILED_NETWORK = [(re.compile(form), tag, words) for form, tag, words in _NETWORK]
_MAYBE_REMOTE = {"sd": ("iscsi",), "nvme": ("nvme",)}
"""Names that disks of the network have, too."""
_WORKS_FOR = re.compile(r"(?:jbd2|xfsaild|xfs[-\w]*|f2fs_\w+|ext4-[-\w]+|xfs-\w+)/(?P<device>[a-z]\w*?)(?:-\d*)?$")
"""How workers of a file system are called, or their work: after its device."""
_SERVED_HERE = re.compile(r"nfsd|svc_|iscsi_target|iscsit|nvmet|rpc_free")
"""How functions begin that serve others, and fetch nothing."""


class Below:
    """What one log tells of its storage."""

    def __init__(self, log: Sequence[Message]) -> None:
        self.network = tuple(_network(log))
        self._disks = Disks(log)
        self.lost = any(_LOST.search(message.text) for message in log)
        """A path to storage was lost, so that those who bring it back are needed."""
        self.swaps = tuple(self._device(device) for device in _swap_devices(log))

    def of(self, stack: Stack) -> Storage:
        """What the stack's owner waits for: by its own frames, else by the swap device for who swaps or reclaims."""
        own = _by_frames(stack)
        works_for = _WORKS_FOR.match(stack.name) or _WORKS_FOR.match(stack.work.partition(" ")[0])
        if works_for and (own is None or own.tag == FILES):
            return self._device(works_for["device"])
        if own and (own.kind != "local" or own.tag != "files"):
            return own
        if has(stack, *SWAP) or ((has(stack, *RECLAIM) or stack.name.startswith("kswapd")) and not own):
            swap = self._swap()
            return own if own and swap.kind == "network" and not swap.sure and swap.tag not in BLOCKS else swap
        return own or self._elsewhere()

    def _swap(self) -> Storage:
        kinds = {swap.kind for swap in self.swaps}
        if not kinds:
            return self._elsewhere()
        if len(kinds) == 1 or "network" not in kinds:
            return self.swaps[-1]
        return replace(next(swap for swap in self.swaps if swap.kind == "network"), sure=False)  # or the other one

    def _elsewhere(self) -> Storage:
        if self.network:
            return self.network[0]
        return replace(self.swaps[-1], sure=False) if self.swaps else UNKNOWN

    def _device(self, device: str) -> Storage:
        name = device.removeprefix("/dev/")
        tags = {one.tag for one in self.network}
        for start, remote in _MAYBE_REMOTE.items():
            if name.startswith(start) and tags & set(remote) and not self._disks.own(name):
                found = next(one for one in self.network if one.tag in remote)
                return replace(found, sure=self._disks.remote(name))
        if name.startswith("sd") and self._disks.targets_here and not self._disks.own(name):
            return Storage("local", LUN, f"the local disk {name}")
        for form, kind, tag, words in _DEVICES:
            if re.match(form, name):
                return Storage(kind, tag, words.format(name))
        if tags:
            return self._elsewhere()
        if device.startswith("/dev/"):
            return Storage("layer", OTHER, f"the device {name}")
        return Storage("local", FILES, f"the disk below the swap file {device}")


def _swap_devices(log: Sequence[Message]) -> Iterator[str]:
    for message in log:
        if "swap" in message.text and (found := _SWAP_ON.match(message.text)) and found["device"]:
            yield found["device"].rstrip(".")


def _by_frames(stack: Stack) -> Storage | None:
    names = [frame.lstrip("_") for frame in stack.frames]
    for form, kind, tag, words in _COMPILED_FRAMES:
        for name in names:
            if (found := form.match(name)) and not _SERVED_HERE.match(name):
                return Storage(kind, tag, words.format(next(filter(None, found.groupdict().values()), "")))
    return None


def _network(log: Iterable[Message]) -> Iterator[Storage]:
    """Storage of the network that any line speaks of."""
    told: set[str] = set()
    for message in log:
        for form, tag, words in _COMPILED_NETWORK:
            if tag not in told and form.search(message.text):
                told.add(tag)
                yield Storage("network", tag, words, sure=False)
