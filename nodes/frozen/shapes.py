"""The shapes of stacks that we know: what a task waits for when its innermost frames are these.

A shape is a sequence of functions, innermost first; others may stand between them, except before the first, where only the
scheduler's may. Names hold for Linux 5.10 to 7.2. Whatever fits no shape is unknown, and said to be.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from nodes.frozen.stacks import Stack, same
from nodes.machine.waits import KSWAPD, REPLY, TRANSMIT

Step = tuple[str, ...]
"""Functions, any of which may stand there."""

_SCHEDULER = frozenset(
    map(
        same,
        ("__schedule", "schedule", "schedule_timeout", "schedule_timeout_uninterruptible", "io_schedule",
         "io_schedule_timeout", "io_schedule_prepare", "schedule_preempt_disabled", "wait_woken", "bit_wait_io",
         "__wait_on_bit", "__wait_on_bit_lock", "out_of_line_wait_on_bit", "__switch_to", "__switch_to_asm",
         "preempt_schedule",
         "preempt_schedule_common", "context_switch", "schedule_hrtimeout_range", "schedule_hrtimeout_range_clock",
         "do_wait_intr_irq", "__wait_for_common", "wait_for_completion", "wait_for_completion_io",
         "wait_for_completion_io_timeout"),
    )
)  # fmt: skip
_SWAP_OUT: Step = (
    "__swap_writepage",
    "swap_writepage",
    "swap_writepage_bdev_async",
    "swap_writeout",
    "swap_write_unplug",
)
_SWAP_IN: Step = (
    "swap_readpage",
    "swap_read_folio",
    "swap_read_page",
    "swap_read_folio_bdev_sync",
    "swap_read_folio_bdev_async",
)
_PAGE_BIT: Step = ("folio_wait_bit_common", "folio_wait_bit", "wait_on_page_bit_common", "wait_on_page_bit", "__folio_lock",
                   "__lock_page")  # fmt: skip
_RECLAIM: Step = ("try_to_free_pages", "__perform_reclaim", "__alloc_pages_direct_reclaim")
RECLAIM: Step = ("balance_pgdat", "kswapd", *_RECLAIM)
_NBD_SEND: Step = ("nbd_queue_rq", "nbd_handle_cmd", "nbd_send_cmd", "nbd_requeue_cmd", "nbd_pending_cmd_work")
_NBD_SOCKET: Step = (
    "sock_xmit",
    "__sock_xmit",
    "nbd_send_cmd",
    "xs_sock_sendmsg",
    "nvme_tcp_try_send",
    "iscsi_sw_tcp_xmit",
)
REFILL_WORK: tuple[Step, ...] = (("try_fill_recv", "__alloc_pages_slowpath"), ("refill_work",))
"""virtio_net's worker has NAPI off while it allocates (physics.md section 4); a return probe may hide what is between."""


class Shape(Struct, frozen=True):
    """What `frames` mean: their task waits for `resource`, which only `who_frees` provides."""

    frames: tuple[Step, ...]
    resource: str
    who_frees: str
    why: str
    source: str


SHAPES = (
    Shape((("mempool_alloc",), ("bio_alloc_bioset", "bvec_alloc"), (*_SWAP_OUT, *_SWAP_IN)), "writes answered", REPLY,
          "all spare bios are in use, and one comes back only when a request is answered", "physics.md section 1 step 3"),
    Shape((("blk_mq_get_tag", "__blk_mq_get_tag", "blk_mq_get_request"),), "writes answered", REPLY,
          "all tags of the queue are in use, and one comes back only when a request is answered",
          "physics.md section 1 step 4"),
    Shape((("rq_qos_wait", "wbt_wait"),), "writes answered", REPLY,
          "as many writes as writeback throttling allows are under way", "block/blk-wbt.c"),
    Shape((("__mutex_lock", "__mutex_lock_slowpath", "mutex_lock"), _NBD_SEND), "requests sent", TRANSMIT,
          "somebody else is sending on the block socket and does not get on", "drivers/block/nbd.c, tx_lock"),
    Shape((("sk_stream_wait_memory", "sock_wait_for_wmem", "sock_alloc_send_pskb"), _NBD_SOCKET), "acknowledgements", REPLY,
          "the block socket is full of bytes that the target has not acknowledged", "physics.md section 3, TCP accounting"),
    Shape((_PAGE_BIT, ("folio_wait_writeback", "wait_on_page_writeback", "folio_wait_stable")), "pages written", REPLY,
          "a page is being written, and may be used only when the write is answered", "physics.md section 1 steps 2-12"),
    Shape((("submit_bio_wait", "blk_wait_io", "blk_io_schedule", "wait_for_completion_io"), _SWAP_IN),
          "pages read back", REPLY,
          "a page is being read back from swap", "physics.md section 1 step 12"),
    Shape((_SWAP_IN, ("do_swap_page", "swapin_readahead", "swap_cluster_readahead", "read_swap_cache_async")),
          "pages read back", REPLY, "a page is being read back from swap", "physics.md section 1 step 12"),
    Shape((_PAGE_BIT, ("do_swap_page", "shmem_swapin_folio", "unuse_pte_range")), "pages read back", REPLY,
          "a page in the swap cache is locked until it was read back", "physics.md section 1 step 12"),
    Shape((_PAGE_BIT, ("shrink_folio_list", "shrink_page_list"), RECLAIM), "pages written", REPLY,
          "reclaim waits for a page under writeback", "physics.md section 1 steps 2-12"),
    Shape((("throttle_direct_reclaim",),), "free pages", KSWAPD,
          "free memory is below half of min: tasks may not even reclaim, kswapd must", "physics.md section 2"),
    Shape((("reclaim_throttle", "congestion_wait", "wait_iff_congested", "msleep"), ("balance_pgdat",)),
          "writes answered", REPLY,
          "kswapd finds only pages that are still being written", "physics.md section 2, reclaim_throttle"),
    Shape((("reclaim_throttle", "congestion_wait", "wait_iff_congested", "msleep"), _RECLAIM), "free pages", KSWAPD,
          "direct reclaim finds nothing that it could free", "physics.md section 2, reclaim_throttle"),
    Shape((("__alloc_pages_slowpath",),), "free pages", KSWAPD, "the allocation is tried again and again",
          "physics.md section 2, slow path"),
)  # fmt: skip
RECEIVING = (
    Shape((("sk_wait_data",), _NBD_SOCKET), "replies", REPLY,
          "the block device's receiver waits for data", "drivers/block/nbd.c"),
    Shape((("unix_stream_read_generic", "unix_stream_data_wait"), _NBD_SOCKET), "replies", REPLY,
          "the block device's receiver waits for a process that relays", "drivers/block/nbd.c"),
)  # fmt: skip


def waits_for(stack: Stack) -> Shape | None:
    """The first shape that the stack has."""
    return next((shape for shape in SHAPES if evidence(stack, shape.frames)), None)


def evidence(stack: Stack, steps: Sequence[Step], *, innermost: bool = True) -> str:
    """The stack's own frames that match `steps` in their order, as `a <- b <- c`; empty when they are not there. With
    `innermost` the first must be what the task sleeps in."""
    found: list[str] = []
    awaited = [{same(name) for name in step} for step in steps]
    for frame, key in zip(stack.frames, stack.key, strict=True):
        if key in awaited[len(found)]:
            found.append(frame)
            if len(found) == len(steps):
                return " <- ".join(found)
        elif innermost and not found and key not in _SCHEDULER:
            return ""
    return ""


def has(stack: Stack, *functions: str) -> str:
    """The first of the stack's frames that is one of `functions`; empty when none is."""
    keys = {same(name) for name in functions}
    return next((frame for frame, key in zip(stack.frames, stack.key, strict=True) if key in keys), "")


def top(stack: Stack, count: int = 4) -> str:
    """The innermost frames below the scheduler's, as `a <- b`."""
    below = [frame for frame, key in zip(stack.frames, stack.key, strict=True) if key not in _SCHEDULER]
    return " <- ".join((below or list(stack.frames))[:count])
