"""Where on a packet's way an allocation failed: in whose driver, and for which part of a packet."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from nodes.frozen.shapes import has
from nodes.frozen.stacks import Stack, same
from nodes.machine.waits import COPY, HEAD, REFILL

Way = Literal["reception", "sending", "protocol", ""]
"""`reception`: a driver's, of packets that arrive; `protocol`: later, as the packet is processed; empty: not of packets."""

_HEADS = ("napi_skb_cache_get", "__build_skb", "build_skb", "napi_build_skb", "slab_build_skb", "build_skb_around")
_HEADS_OR_DATA = ("__alloc_skb", "alloc_skb")
_CACHES = ("kmem_cache_alloc", "kmem_cache_alloc_node", "kmem_cache_alloc_bulk")
_DATA = ("kmalloc_reserve", "__kmalloc_reserve")
_COPIES = ("napi_alloc_skb", "__napi_alloc_skb")
_POLLS = (
    "__napi_poll",
    "net_rx_action",
    "napi_poll",
    "process_backlog",
    "napi_threaded_poll",
    "napi_threaded_poll_loop",
)
_COMPLETIONS = ("__usb_hcd_giveback_urb", "usb_hcd_giveback_urb", "usb_giveback_urb_bh", "usbnet_bh", "usbnet_bh_tasklet",
                "usbnet_bh_work")  # fmt: skip
_PACKETS = ("__netdev_alloc_skb", "netdev_alloc_skb", "dev_alloc_skb", "__dev_alloc_skb", "netdev_alloc_skb_ip_align",
            "__netdev_alloc_skb_ip_align", "napi_alloc_skb", "__napi_alloc_skb", "netdev_alloc_frag",
            "__netdev_alloc_frag", "__netdev_alloc_frag_align", "napi_alloc_frag", "__napi_alloc_frag_align",
            "__netdev_alloc_page", "page_pool_alloc_pages", "page_pool_alloc_netmems", "page_pool_dev_alloc_pages",
            "__page_pool_alloc_pages_slow", "__page_pool_alloc_page_order", "__page_pool_alloc_netmems_slow",
            "page_pool_alloc_frag", "page_pool_alloc_frag_netmem")  # fmt: skip
"""Allocators that only a driver calls, for what arrives."""
_PROTOCOLS = ("__netif_receive_skb", "netif_receive_skb", "__netif_receive_skb_core", "netif_receive_skb_internal",
              "netif_receive_skb_list_internal", "napi_gro_receive", "napi_gro_complete", "napi_gro_flush", "ip_rcv",
              "ipv6_rcv", "ip_local_deliver", "tcp_v4_rcv", "tcp_v6_rcv", "tcp_tasklet_func", "udp_rcv", "br_handle_frame",
              "gro_normal_list", "napi_complete_done", "netif_receive_skb_list", "ieee80211_rx_napi", "ieee80211_rx_list",
              "dev_gro_receive", "nf_hook_slow", "ip_rcv_finish", "arp_rcv")  # fmt: skip
_SENDS = ("tcp_sendmsg", "tcp_sendmsg_locked", "sock_sendmsg", "__sock_sendmsg", "dev_queue_xmit", "__dev_queue_xmit",
          "dev_hard_start_xmit", "tcp_write_xmit", "kernel_sendmsg", "sock_xmit", "__sock_xmit", "udp_sendmsg",
          "tcp_transmit_skb", "__tcp_transmit_skb", "tcp_send_ack", "__tcp_send_ack")  # fmt: skip
_ALLOCATORS = tuple(
    map(
        same,
        (
            "dump_stack",
            "show_stack",
            "dump_backtrace",
            "unwind_backtrace",
            "warn_alloc",
            "alloc_pages",
            "alloc_page",
            "alloc_frozen_pages",
            "allocate_slab",
            "new_slab",
            "slab_alloc",
            "slab_out_of_memory",
            "get_partial_node",
            "kmem_cache_alloc",
            "kmem_getpages",
            "cache_alloc_refill",
            "cache_grow",
            "fallback_alloc",
            "kmalloc",
            "page_frag_alloc",
            "page_frag_cache_refill",
            "get_free_pages",
            "dma_alloc",
            "dma_generic_alloc",
            "folio_alloc",
        ),
    )
)
"""How functions of the page and slab allocators begin, without underscores."""
_HELPERS = tuple(
    map(
        same,
        ("alloc_skb", "netdev_alloc", "dev_alloc_skb", "napi_alloc", "page_pool", "build_skb", "napi_build", "skb_",
         "kmalloc_reserve", "pskb_", "napi_skb_cache", "slab_build"),
    )
)  # fmt: skip
"""How functions between these and drivers begin, likewise."""
_RECEIVES = re.compile(r"(?:^|_)rx(?:_|q|b|d|$)|rx$")
"""How drivers call what fills their rings, also in workers and threads."""
_USBNET, _OF_USBNET = "usbnet", ("rx_submit", "rx_alloc_submit", "rx_complete", "usbnet")
"""What many USB cards have in common, and how its functions begin."""
_BUSES = ("usbcore",)


class Place(Struct, frozen=True):
    """Where it failed."""

    way: Way
    who: str = ""
    """On reception: COPY, HEAD or REFILL (`nodes.machine.waits`)."""
    driver: str = ""
    """Its module, or what it is called where it is built in; empty where the stack does not tell."""
    where: str = ""
    """Frames from below the allocators to the poll, `a <- b <- c`."""


def place(stack: Stack) -> Place:
    """Of the failed allocation `stack`; the way is empty when the stack shows no way of packets."""
    root = has(stack, *_POLLS) or has(stack, *_COMPLETIONS)
    above = list(stack.frames[: stack.frames.index(root)] if root else stack.frames)
    shown = Stack(stack.kind, stack.name, frames=tuple(above))
    below = [frame for frame in above if not _bare(frame).startswith(_ALLOCATORS)]
    where = " <- ".join([*below[:3], *([root] if root else [])]) if below or root else ""
    if has(shown, *_PROTOCOLS) or (has(shown, *_SENDS) and not has(shown, *_PACKETS)):
        return Place("sending" if has(shown, *_SENDS) else "protocol", where=where)
    usb = root and has(stack, *_COMPLETIONS) and not has(stack, *_POLLS)
    by_name = any(_RECEIVES.search(frame.partition(" ")[0]) for frame in below[:4])
    if (
        by_name
        or has(shown, *_PACKETS)
        or (root and below and not usb)
        or (usb and has(shown, "rx_submit", "rx_complete", "alloc_skb"))
    ):
        return Place("reception", _part(stack), _driver(below, above), where)
    return Place("", where=where)


def _part(stack: Stack) -> str:
    lacks_head = has(stack, *_HEADS) or (
        has(stack, *_HEADS_OR_DATA) and has(stack, *_CACHES) and not has(stack, *_DATA)
    )
    return HEAD if lacks_head else COPY if has(stack, *_COPIES) else REFILL


def _driver(below: list[str], above: list[str]) -> str:
    modules = [module for frame in above if (module := frame.partition(" [")[2].rstrip("]")) and module not in _BUSES]
    if modules:
        return modules[0]
    own = [frame for frame in below if not _bare(frame).startswith(_HELPERS)]
    if not own:
        return ""
    return _USBNET if own[0].startswith(_OF_USBNET) else own[0].lstrip("_").partition("_")[0]


def _bare(frame: str) -> str:
    return same(frame).lstrip("_")
