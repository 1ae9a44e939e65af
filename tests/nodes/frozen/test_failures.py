"""Where on a packet's way an allocation failed: in whose driver, or elsewhere."""

from __future__ import annotations

import pytest

from nodes.frozen.failures import place
from nodes.frozen.stacks import Stack
from nodes.machine.waits import COPY, HEAD, REFILL


@pytest.mark.parametrize(
    ("frames", "way", "who", "driver"),
    [
        ("try_fill_recv|virtio_net virtnet_poll|virtio_net net_rx_action", "reception", REFILL, "virtio_net"),
        ("bcmgenet_rx_refill bcmgenet_rx_poll __napi_poll net_rx_action", "reception", REFILL, "bcmgenet"),
        ("page_pool_alloc_pages stmmac_rx stmmac_napi_poll_rx __napi_poll", "reception", REFILL, "stmmac"),
        ("__napi_alloc_skb e1000_clean_rx_irq|e1000 e1000_clean|e1000 net_rx_action", "reception", COPY, "e1000"),
        ("kmem_cache_alloc_node __alloc_skb rtl8139_poll|8139too net_rx_action", "reception", HEAD, "8139too"),
        (
            "__netdev_alloc_skb rx_submit|usbnet rx_complete|usbnet __usb_hcd_giveback_urb|usbcore",
            "reception",
            REFILL,
            "usbnet",
        ),
        ("smsc95xx_rx_fixup|smsc95xx __netdev_alloc_skb usbnet_bh|usbnet", "reception", REFILL, "smsc95xx"),
        ("__alloc_skb dev_alloc_skb e1000_alloc_rx_buffers|e1000 e1000_intr|e1000", "reception", REFILL, "e1000"),
        ("__alloc_skb tcp_send_ack tcp_v4_rcv ip_rcv e1000_clean_rx_irq|e1000 net_rx_action", "sending", "", ""),
        ("nf_conntrack_alloc ip_rcv __netif_receive_skb process_backlog net_rx_action", "protocol", "", ""),
        ("skb_page_frag_refill tcp_sendmsg_locked sock_sendmsg __sock_xmit|nbd", "sending", "", ""),
        ("uvc_alloc_urb_buffers|uvcvideo uvc_v4l2_ioctl|uvcvideo", "", "", ""),
        ("usb_stor_msg|usb_storage __usb_hcd_giveback_urb|usbcore", "", "", ""),
    ],
)
def test_a_failure_is_placed(frames: str, way: str, who: str, driver: str) -> None:
    allocator = ("dump_stack", "warn_alloc", "__alloc_pages")
    named = allocator + tuple(f"{frame.replace('|', ' [')}]" if "|" in frame else frame for frame in frames.split())
    found = place(Stack("failure", "swapper/0", frames=named))
    assert (found.way, found.who, found.driver) == (way, who, driver)


def test_a_failure_without_a_stack_has_no_place() -> None:
    assert place(Stack("failure", "swapper/0")).way == "" and place(Stack("failure", "swapper/0")).where == ""
