"""The shapes of stacks that we know: what a task waits for when its innermost frames are these.

A shape is a sequence of functions, innermost first; others may stand between them, except before the first, where only the
scheduler's may. Names hold for Linux 2.6 to 7.2. Whatever fits no shape is unknown, and said to be. The first shape that
fits counts, so that the particular ones stand before the general ones. To teach a new one, add an entry and, under
tests/recorded/frozen, a log that shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from msgspec import Struct

from nodes.frozen import functions as fn
from nodes.frozen.functions import Step
from nodes.frozen.stacks import Stack, same
from nodes.machine.waits import KSWAPD, REPLY, TRANSMIT

CGROUP = "cgroup limit"
LOCK = "lock holder"
JOURNAL = "file system's journal"
DAEMON = "file system's daemon"
OTHER_WORK = "another kernel worker"
LOCAL = "local storage"
"""Who else may have to provide something, beside those of `nodes.machine.waits`."""

REFILL_WORK: tuple[Step, ...] = (("try_fill_recv", "__alloc_pages_slowpath"), ("refill_work",))
"""virtio_net's worker has NAPI off while it allocates (physics.md section 4); a return probe may hide what is between."""


class Shape(Struct, frozen=True):
    """What `frames` mean: their task waits for `resource`, which only `who_frees` provides."""

    frames: tuple[Step, ...]
    resource: str
    who_frees: str
    why: str
    source: str
    innermost: bool = True
    """Whether the first must be what the task sleeps in; otherwise it may stand anywhere."""


SHAPES = (
    Shape((fn.CGROUP_RECLAIM,), "its cgroup's memory", CGROUP,
          "its control group has used up its memory limit and reclaims within it", "mm/memcontrol.c", innermost=False),
    Shape((("mempool_alloc",), ("bio_alloc_bioset", "bvec_alloc"), (*fn.SWAP_OUT, *fn.SWAP_IN)), "writes answered", REPLY,
          "all spare bios are in use, and one comes back only when a request is answered", "physics.md section 1 step 3"),
    Shape((fn.TAGS,), "writes answered", REPLY,
          "all tags of the queue are in use, and one comes back only when a request is answered",
          "physics.md section 1 step 4"),
    Shape((("rq_qos_wait", "wbt_wait", "__wbt_wait"),), "writes answered", REPLY,
          "as many writes as writeback throttling allows are under way", "block/blk-wbt.c"),
    Shape((fn.MUTEX, fn.NBD_SEND), "requests sent", TRANSMIT,
          "somebody else is sending on the block socket and does not get on", "drivers/block/nbd.c, tx_lock"),
    Shape((("__lock_sock",), ("tcp_recvmsg", "tcp_recvmsg_locked"), fn.STORAGE_SOCKET), "the block socket's lock", LOCK,
          "somebody else holds the block socket, and until then no reply is read", "net/core/sock.c, lock_sock_nested"),
    Shape((("sk_stream_wait_memory", "sock_wait_for_wmem", "sock_alloc_send_pskb"), fn.STORAGE_SOCKET), "acknowledgements",
          REPLY,
          "the block socket is full of bytes that the target has not acknowledged", "physics.md section 3, TCP accounting"),
    Shape((fn.DRBD,), "writes answered", REPLY, "DRBD waits for its peer or its own disk", "drivers/block/drbd"),
    Shape((fn.NFS,), "answers of the server", REPLY, "the NFS server has not answered", "fs/nfs, net/sunrpc/sched.c"),
    Shape((fn.CEPH,), "answers of the server", REPLY, "the Ceph cluster has not answered", "fs/ceph, net/ceph"),
    Shape((fn.CIFS,), "answers of the server", REPLY, "the SMB server has not answered", "fs/smb/client/transport.c"),
    Shape((fn.OTHER_SERVERS,), "answers of the server", REPLY, "the file system's server has not answered",
          "net/9p/client.c, fs/afs/rxrpc.c, Lustre's ptlrpc/client.c"),
    Shape((fn.CLUSTER_LOCKS,), "the cluster's lock", REPLY, "the other nodes of the cluster have not granted a lock",
          "fs/gfs2/glock.c, fs/ocfs2/dlmglue.c, fs/dlm"),
    Shape((fn.FUSE,), "answers of the daemon", DAEMON, "the file system's process in user space has not answered",
          "fs/fuse/dev.c"),
    Shape((fn.PAGE_BIT, ("folio_wait_writeback", "wait_on_page_writeback", "folio_wait_stable")), "pages written", REPLY,
          "a page is being written, and may be used only when the write is answered", "physics.md section 1 steps 2-12"),
    Shape((("submit_bio_wait", "blk_wait_io", "blk_io_schedule", "wait_for_completion_io"), fn.SWAP_IN),
          "pages read back", REPLY,
          "a page is being read back from swap", "physics.md section 1 step 12"),
    Shape((fn.SWAP_IN, ("do_swap_page", "swapin_readahead", "swap_cluster_readahead", "read_swap_cache_async")),
          "pages read back", REPLY, "a page is being read back from swap", "physics.md section 1 step 12"),
    Shape((fn.PAGE_BIT, ("do_swap_page", "shmem_swapin_folio", "unuse_pte_range")), "pages read back", REPLY,
          "a page in the swap cache is locked until it was read back", "physics.md section 1 step 12"),
    Shape((fn.PAGE_BIT, fn.SHRINK, fn.RECLAIM), "pages written", REPLY,
          "reclaim waits for a page under writeback", "physics.md section 1 steps 2-12"),
    Shape((("throttle_direct_reclaim",),), "free pages", KSWAPD,
          "free memory is below half of min: tasks may not even reclaim, kswapd must", "physics.md section 2"),
    Shape((fn.PAUSES, ("balance_pgdat",)),
          "writes answered", REPLY,
          "kswapd finds only pages that are still being written", "physics.md section 2, reclaim_throttle"),
    Shape((fn.PAUSES, fn.DIRECT_RECLAIM), "free pages", KSWAPD,
          "direct reclaim finds nothing that it could free", "physics.md section 2, reclaim_throttle"),
    Shape((("__alloc_pages_slowpath",),), "free pages", KSWAPD, "the allocation is tried again and again",
          "physics.md section 2, slow path"),
    Shape((("do_try_to_free_pages", "try_to_free_pages"), ("__alloc_pages_slowpath",)), "free pages", KSWAPD,
          "it runs through direct reclaim again and again, and frees nothing", "physics.md section 2, slow path"),
    Shape((fn.PAUSES, ("__alloc_pages", "__alloc_pages_nodemask", "__alloc_pages_internal", "__alloc_pages_slowpath")),
          "free pages", KSWAPD, "the allocation waits before it tries again", "physics.md section 2, slow path"),
    Shape((("spl_kmem_cache_alloc", "spl_cache_grow", "spl_cache_grow_wait", "arc_wait_for_eviction", "arc_get_data_impl",
            "arc_get_data_abd"),), "free pages", KSWAPD, "ZFS waits for memory", "module/zfs/arc.c, module/os/linux/spl"),
    Shape((("wait_on_buffer", "__wait_on_buffer", *fn.PAGE_BIT), ("jbd2_journal_commit_transaction",
            "journal_commit_transaction", "jbd2_log_do_checkpoint", "log_do_checkpoint")), "writes answered", LOCAL,
          "the journal's own writes are not answered", "fs/jbd2/commit.c"),
    Shape((fn.JOURNAL, fn.SWAP_OUT), "writes answered", LOCAL,
          "swap lies on a volume of a file system, which answers a write when its own journal gets on",
          "module/os/linux/zfs/zvol_os.c, zvol_write"),
    Shape((fn.JOURNAL,), "the journal", JOURNAL, "it waits for its file system's journal or transaction to get on",
          "fs/jbd2, fs/xfs/xfs_log.c, fs/btrfs/transaction.c, module/zfs/txg.c"),
    Shape((fn.PAGE_BIT, fn.FILE_READ), "pages read", LOCAL, "a page of a file is being read", "mm/filemap.c"),
    Shape((fn.FILE_READ, fn.FILE_READ), "pages read", LOCAL, "a page of a file is being read", "mm/filemap.c"),
    Shape((fn.PAGE_BIT, fn.PAGE_LOCK), "a page's lock", LOCK, "somebody else holds the lock of a page of a file",
          "mm/filemap.c"),
    Shape((fn.FILE_WRITEBACK,), "pages written", LOCAL, "dirty pages of files are being written", "mm/page-writeback.c"),
    Shape((fn.PAGE_BIT, fn.FILE_WRITEBACK), "pages written", LOCAL, "dirty pages of files are being written",
          "mm/page-writeback.c"),
    Shape((fn.INODE,), "an inode", LOCK, "somebody else frees or writes an inode", "fs/inode.c"),
    Shape((fn.DISK,), "requests answered", LOCAL, "a request to a block device is not answered", "block/"),
    Shape((fn.MUTEX,), "a mutex", LOCK, "somebody else holds a mutex", "kernel/locking/mutex.c"),
    Shape((fn.OTHER_LOCKS,), "a lock", LOCK, "somebody else holds a lock", "kernel/locking"),
    Shape((fn.GRAPHICS,), "work of the graphics card", OTHER_WORK, "the graphics card has not finished", "drivers/dma-buf"),
    Shape((fn.FLUSH,), "other work done", OTHER_WORK, "it waits for a worker, a thread or for RCU to get on",
          "kernel/workqueue.c, kernel/rcu"),
    Shape((fn.LOCKED_PAGE,), "a page's lock", LOCK, "somebody else holds the lock of a page of a file", "mm/filemap.c"),
    Shape((fn.PAGE_BIT,), "a page", LOCAL, "a page of a file is being read or written, or is locked", "mm/filemap.c"),
    Shape((("mempool_alloc",),), "requests answered", LOCAL,
          "a pool of spare objects is empty, and one comes back only when a request is answered", "mm/mempool.c"),
)  # fmt: skip
RECEIVING = (
    Shape((("sk_wait_data",), fn.STORAGE_SOCKET), "replies", REPLY,
          "the block device's receiver waits for data", "drivers/block/nbd.c"),
    Shape((("unix_stream_read_generic", "unix_stream_data_wait"), fn.STORAGE_SOCKET), "replies", REPLY,
          "the block device's receiver waits for a process that relays", "drivers/block/nbd.c"),
)  # fmt: skip


def waits_for(stack: Stack) -> Shape | None:
    """The first shape that the stack has."""
    return next((shape for shape in SHAPES if evidence(stack, shape.frames, innermost=shape.innermost)), None)


def evidence(stack: Stack, steps: Sequence[Step], *, innermost: bool = True) -> str:
    """The stack's own frames that match `steps` in their order, as `a <- b <- c`; empty when they are not there. With
    `innermost` the first must be what the task sleeps in."""
    found: list[str] = []
    for frame, key in zip(stack.frames, stack.key, strict=True):
        if key in _keys(steps[len(found)]):
            found.append(frame)
            if len(found) == len(steps):
                return " <- ".join(found)
        elif innermost and not found and key not in _keys(fn.SCHEDULER):
            return ""
    return ""


def has(stack: Stack, *functions: str) -> str:
    """The first of the stack's frames that is one of `functions`; empty when none is."""
    keys = _keys(functions)
    return next((frame for frame, key in zip(stack.frames, stack.key, strict=True) if key in keys), "")


def top(stack: Stack, count: int = 4) -> str:
    """The innermost frames below the scheduler's, as `a <- b`."""
    below = [frame for frame, key in zip(stack.frames, stack.key, strict=True) if key not in _keys(fn.SCHEDULER)]
    return " <- ".join((below or list(stack.frames))[:count])


@cache
def _keys(step: Step) -> frozenset[str]:
    return frozenset(map(same, step))


def is_waiting(frame: str) -> bool:
    """Whether the function only sleeps, or waits for a lock or for other work."""
    return same(frame) in _keys(fn.SCHEDULER) | _keys(fn.MUTEX) | _keys(fn.OTHER_LOCKS) | _keys(fn.FLUSH)
