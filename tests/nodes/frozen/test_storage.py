"""Where swap and files lie is taken from devices, modules and functions, and not guessed."""

from __future__ import annotations

import pytest

from nodes.frozen.lines import messages
from nodes.frozen.servers import server, serves
from nodes.frozen.stacks import Stack
from nodes.frozen.storage import Below, Storage

SWAPPER = Stack("task", "kswapd0", frames=("schedule", "rq_qos_wait", "__swap_writepage", "balance_pgdat", "kswapd"))


def below(*lines: str, stack: Stack = SWAPPER) -> Storage:
    return Below(messages([f"[    1.000000] {line}" for line in lines])).of(stack)


@pytest.mark.parametrize(
    ("device", "kind", "tag"),
    [
        ("/dev/nbd0", "network", "nbd"),
        ("/dev/drbd1", "network", "drbd"),
        ("/dev/rbd0", "network", "ceph"),
        ("/dev/mmcblk0p2", "local", "mmc"),
        ("/dev/sda2", "local", "disk"),
        ("/dev/nvme0n1p3", "local", "disk"),
        ("/dev/vda1", "local", "disk"),
        ("/dev/zram0", "local", "zram"),
        ("/dev/dm-1", "layer", "dm"),
        ("/dev/mapper/vg-swap", "layer", "dm"),
        ("/dev/zd0", "layer", "zfs"),
        ("/dev/loop3", "layer", "loop"),
        ("/swapfile", "local", "files"),
    ],
)
def test_a_swap_device_says_where_it_lies(device: str, kind: str, tag: str) -> None:
    found = below(f"Adding 1048572k swap on {device}.  Priority:-2 extents:1 across:1048572k")
    assert (found.kind, found.tag, found.sure) == (kind, tag, True)


def test_disks_of_the_network_may_be_called_like_local_ones() -> None:
    swap = "Adding 1048572k swap on /dev/{}.  Priority:-2"
    iscsi = "scsi host2: iSCSI Initiator over TCP/IP"
    assert (below(swap.format("sdb"), iscsi).tag, below(swap.format("sdb")).kind) == ("iscsi", "local")
    nvme = 'nvme nvme1: new ctrl: NQN "nqn.2014-08.org.example:x", addr 192.0.2.1:4420'
    assert below(swap.format("nvme1n1"), nvme).tag == "nvme"


def test_without_a_device_only_other_lines_tell_and_that_is_not_sure() -> None:
    assert below() == Storage("unknown")
    found = below("nfs: server 192.0.2.1 not responding, still trying")
    assert (found.kind, found.tag, found.sure) == ("network", "nfs", False)


def test_a_swap_file_of_a_local_file_system_is_not_on_a_server_that_other_lines_speak_of() -> None:
    """NFS has files of its own; an NBD device may have this file system on it."""
    stack = Stack("task", "kswapd0", frames=("schedule", "blk_mq_get_tag", "btrfs_submit_bio", "__swap_writepage"))
    swap = "Adding 1048572k swap on /swap/swapfile.  Priority:-2"
    assert below("nfs: server 192.0.2.1 OK", swap, stack=stack).kind == "local"
    assert below("block nbd0: connected", swap, stack=stack).tag == "nbd"


def test_of_two_swap_areas_neither_is_sure() -> None:
    swap = "Adding 1048572k swap on /dev/{}.  Priority:-2"
    found = below(swap.format("sda2"), swap.format("nbd0"))
    assert (found.tag, found.sure) == ("nbd", False)


def test_a_device_of_an_unknown_name_is_not_called_local() -> None:
    assert below("Adding 1048572k swap on /dev/vx/dsk/swapvol.  Priority:-2").kind == "layer"
    assert below("Adding 1048572k swap on /dev/rnbd0.  Priority:-2").kind == "network"


def test_a_stacks_own_functions_come_before_everything() -> None:
    stack = Stack("task", "app", frames=("schedule", "nfs_wait_on_request [nfs]", "vfs_write"))
    assert below("Adding 1048572k swap on /dev/sda2.  Priority:-2", stack=stack).tag == "nfs"
    ext4 = Stack("task", "app", frames=("schedule", "folio_wait_writeback", "ext4_write_begin"))
    assert below(stack=ext4) == Storage("local", "files", "the disk below the file system ext4")


@pytest.mark.parametrize(
    ("stack", "name", "tag"),
    [
        (Stack("task", "kworker/u8:4", work="kcryptd/253:0 kcryptd_crypt [dm_crypt]"), "dm-crypt worker", "dm"),
        (Stack("task", "kworker/u8:1", work="rpciod rpc_async_schedule [sunrpc]"), "NFS sender (rpciod)", "nfs"),
        (Stack("task", "kworker/0:1H", work="nvme_tcp_wq nvme_tcp_io_work [nvme_tcp]"), "NVMe/TCP worker", "nvme"),
        (Stack("task", "loop0", frames=("loop_thread",)), "loop worker", "loop"),
        (Stack("task", "z_wr_iss"), "ZFS worker", "zfs"),
        (Stack("task", "drbd_w_r0"), "DRBD worker", "drbd"),
        (Stack("task", "nbd-server"), "NBD server process", "nbd"),
        (Stack("task", "tp_osd_tp"), "Ceph's OSD process", "ceph"),
    ],
)
def test_whoever_serves_storage_is_known_and_serves_its_own_only(stack: Stack, name: str, tag: str) -> None:
    one = server(stack)
    assert one is not None and one.name == name
    assert serves(one, Storage("network", tag), ()) and not serves(one, Storage("local", "files"), ())
    assert not serves(one, Storage("unknown"), ())
    assert serves(one, Storage("network", "other", sure=False), (Storage("network", tag, sure=False),))


def test_a_process_is_no_server() -> None:
    assert server(Stack("task", "java", frames=("schedule",))) is None
