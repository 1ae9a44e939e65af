"""Who on this machine serves its storage: workers of the kernel and processes of user space that requests pass through.

When one of them waits for memory, everybody who waits for that storage waits for it, too. To teach another, add an entry
and, under tests/recorded/frozen, a log that shows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from nodes.frozen.stacks import Stack
from nodes.frozen.storage import BLOCKS, FILES, Storage


class Server(Struct, frozen=True):
    """One that serves."""

    name: str
    """In words, a node of the wait-for graph."""
    tags: tuple[str, ...]
    """Whose requests pass through it: tags of `storage`."""
    comm: str = ""
    """How the task is called (regular expression, from the beginning) ..."""
    work: str = ""
    """... or what a kernel worker works on (likewise, anywhere) ..."""
    frame: str = ""
    """... or what one of its frames is called (likewise, from the beginning)."""
    same_host: bool = False
    """It serves other machines as well, or only them: that this one is among them is an assumption."""
    mends: bool = False
    """No request passes through it: it brings back a path that was lost, and is needed only then."""


SERVERS = (
    Server(
        "dm-crypt worker", ("dm",), r"dmcrypt_write|kcryptd", r"\bkcryptd|\bdm_crypt\b", r"kcryptd_crypt|dmcrypt_write"
    ),
    Server(
        "device mapper's worker",
        ("dm",),
        r"kdmflush|kcopyd|dm[-_]thin|dm-integrity|kverityd",
        r"\bdm-\w+|\bdm_\w+|\bkcopyd|\bkdmflush",
        r"dm_wq_work",
    ),
    Server("RAID worker", ("md",), r"md\d+_|md\d+_resync|raid5wq", r"\braid5wq|\bmd_\w+", r"raid\d+d\b|md_thread"),
    Server(
        "loop worker",
        ("loop",),
        r"loop\d+",
        r"\bloop\d+|\bloop_workfn|\bloop_rootcg_workfn",
        r"loop_(?:thread|workfn|process_work)",
    ),
    Server(
        "ZFS worker",
        ("zfs",),
        r"z_(?:wr|rd|null|fr|cl|trim)_|zvol|txg_sync|txg_quiesce|dp_sync|dbu_evict|arc_",
        r"\bzvol|\bz_wr",
        r"taskq_thread|txg_sync_thread|zvol_(?:write|task)",
    ),
    Server(
        "DRBD worker", ("drbd",), r"drbd\d*_|drbd_[a-z]_", r"\bdrbd", r"drbd_(?:worker|sender|receiver|asender|ack_)"
    ),
    Server(
        "NFS sender (rpciod)",
        ("nfs",),
        r"rpciod|xprtiod|nfsiod",
        r"\brpciod|\bxprtiod|\bnfsiod",
        r"rpc_async_schedule|xs_tcp_send_request",
    ),
    Server(
        "cluster lock's sender (DLM)",
        ("dlm",),
        r"dlm_(?:send|recv|io)|o2net|ocfs2dc",
        r"\bdlm_\w+|\bo2net",
        r"send_to_sock|process_send_sockets|o2net_send_message",
    ),
    Server("Lustre sender", ("lustre",), r"ptlrpcd|socknal_", r"\bptlrpc", r"ptlrpcd\b|ksocknal_scheduler"),
    Server("AFS sender", ("afs",), r"krxrpc|kafs", r"\bk?afs\b|\bkrxrpc", r"rxrpc_io_thread"),
    Server("NFS server of this machine (nfsd)", ("nfs",), r"nfsd\b", "", r"nfsd_dispatch|nfsd\b", same_host=True),
    Server("Ceph messenger", ("ceph",), r"ceph-msgr|libceph", r"\bceph-msgr|ceph_con_workfn", r"ceph_con_workfn"),
    Server("RBD worker", ("ceph",), r"rbd\d+", r"\brbd\b|rbd_\w+_work", r"rbd_queue_workfn|rbd_img_handle_request"),
    Server("NVMe/TCP worker", ("nvme",), "", r"\bnvme_tcp_wq|nvme_tcp_io_work", r"nvme_tcp_io_work"),
    Server(
        "iSCSI sender",
        ("iscsi",),
        r"iscsi_q_|iscsi_conn|scsi_wq_",
        r"\biscsi_|iscsi_xmitworker",
        r"iscsi_xmitworker|iscsi_sw_tcp_xmit",
    ),
    Server("NBD receiver", ("nbd",), "", r"\bk?nbd\d+-recv|\brecv_work \[nbd\]", r"recv_work"),
    Server(
        "NBD sender",
        ("nbd",),
        "",
        "",
        r"nbd_(?:queue_rq|send_cmd|handle_cmd|thread_send|pending_cmd_work)|do_nbd_request",
    ),
    Server(
        "SMB client's thread",
        ("cifs",),
        r"cifsd|cifsiod",
        r"\bcifsiod|\bsmb",
        r"cifs_demultiplex_thread|smb2_reconnect_server",
    ),
    Server("NBD server process", ("nbd",), r"nbd-server|nbdkit|qemu-nbd|qemu-storage|xnbd", same_host=True),
    Server("NBD client process", ("nbd",), r"nbd-client|rbd-nbd|nbdublk", same_host=True),
    Server(
        "Ceph's OSD process",
        ("ceph", "nbd"),
        r"ceph-osd|tp_osd_tp|bstore_|msgr-worker|osd_srv|rocksdb",
        same_host=True,
    ),
    Server(
        "iSCSI target process",
        ("iscsi", "lun"),
        r"tcmu-runner|tgtd|iscsi_trx|iscsi_ttx|istgt|targetcli",
        same_host=True,
    ),
    Server("iSCSI daemon", ("iscsi",), r"iscsid", same_host=True, mends=True),
    Server("multipath daemon", ("dm", "iscsi", "nvme"), r"multipathd", same_host=True, mends=True),
    Server("Gluster process", ("fuse", "nfs"), r"glfs|gluster", same_host=True),
    Server(
        "NVMe or SPDK target process",
        ("nvme", "nbd", "ublk", "iscsi"),
        r"spdk|io-engine|mayastor|reactor_\d|nvmf_tgt",
        r"\bnvmet",
        r"nvmet_",
        same_host=True,
    ),
    Server("ublk server process", ("ublk",), r"\w*ublk", same_host=True),
    Server(
        "file system's daemon",
        ("fuse",),
        r"sshfs|mount\.|fuse|ntfs-3g|mount\.ntfs|s3fs|rclone|lxcfs|juicefs",
        same_host=True,
    ),
)


class _Forms(NamedTuple):
    server: Server
    comm: re.Pattern[str] | None
    work: re.Pattern[str] | None
    frame: re.Pattern[str] | None


_FORMS = [
    _Forms(one, *(re.compile(form) if form else None for form in (one.comm, one.work, one.frame))) for one in SERVERS
]


def server(stack: Stack) -> Server | None:
    """The one that `stack`'s owner is."""
    bare = [name.lstrip("_") for name in stack.frames]
    for one in _FORMS:
        if one.comm and one.comm.match(stack.name):
            return one.server
        if one.work and stack.work and one.work.search(stack.work):
            return one.server
        if one.frame and not stack.of_user and any(map(one.frame.match, bare)):
            return one.server
    return None


def serves(one: Server, below: Storage, network: Sequence[Storage]) -> bool:
    """Whether requests for what is `below` pass through it. Where only other lines of the log tell what is below, any
    storage of the `network` that they speak of may be meant; and a file system may lie on a block device of it, which
    matters where a process of this machine serves that."""
    may_be = {other.tag for other in network}
    if below.tag == FILES and one.same_host:
        return bool(may_be.intersection(one.tags, BLOCKS))
    return below.tag in one.tags or (not below.sure and bool(may_be.intersection(one.tags)))
