"""NIC models: which memory a network card and its driver need for a packet, and how they get it back.

A model is a named set of parameters, so that one scenario means the same card in every tier. Facts: physics.md section 4
(driver table) and section 12 (defaults); of cards on USB and on a chip with its processor, the drivers of Linux 6.1.192 and
6.12.117, which agree here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nodes.registry import Registry
from nodes.units import MS_NS, PAGE_BYTES, SECOND_NS

RING_SLOTS = 256
"""QEMU's virtio ring, and the Intel drivers' default (physics.md section 12)."""
INTEL_WATCHDOG_NS = 2 * SECOND_NS
"""e1000 and e1000e force an rx interrupt this often, which refills an empty ring (physics.md section 4)."""
RTL8139_RING_SLOTS = 64
"""CP_RX_RING_SIZE: QEMU's card is an 8139C+, which 8139cp drives (drivers/net/ethernet/realtek/8139cp.c, cp_rx_poll)."""
VMXNET3_RING_SLOTS = 1024
"""VMXNET3_DEF_RX_RING_SIZE. Its second ring, of 512 whole pages, holds only the rest of frames longer than MTU 1500
(drivers/net/vmxnet3/vmxnet3_int.h; vmxnet3_adjust_rx_ring_size) and is left out."""
WORKER_RETRY_NS = 500 * MS_NS
"""virtio_net's refill_work runs again after HZ/2 while the ring is empty (physics.md section 4)."""
USBNET_URBS = 60
"""MAX_QUEUE_MEMORY / rx_urb_size at 480 Mbit/s, a frame a transfer (drivers/net/usb/usbnet.c, usbnet_update_max_qlen)."""
LAN78XX_FRAMES = 10 * 10
"""RX_HS_URB_NUM transfers of 16 KiB, each with ten frames of 1528 B, status and all (drivers/net/usb/lan78xx.c, own sum)."""
R8152_FRAMES = 10 * 10
"""RTL8152_MAX_RX transfers of 16 KiB at 480 Mbit/s, likewise (drivers/net/usb/r8152.c)."""
STMMAC_RING_SLOTS = 512
"""DMA_DEFAULT_RX_SIZE (drivers/net/ethernet/stmicro/stmmac/common.h)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NicModel:
    """A card. Sizes are those of one ring buffer at MTU 1500."""

    name: str
    refill: Literal["softirq", "worker", "swap", "fixed"]
    """Who fills an empty descriptor: the driver in softirq (`softirq`); the same, but on failure a worker with GFP_KERNEL
    and NAPI switched off (`worker`); the driver, before the packet is passed up, which else is dropped and its buffer kept
    (`swap`); or nobody, since ring memory is fixed and every packet is copied out (`fixed`)."""
    data: Literal["atomic", "memalloc", "always"]
    """How deep the driver's own allocation of data may dip: 3/8 min (`atomic`: netdev_alloc_frag, alloc_page); to 0 where
    the policy opens the reserve (`memalloc`: netdev_alloc_skb and napi_alloc_skb add __GFP_MEMALLOC once a socket is
    flagged); or to 0 at all times (`always`: dev_alloc_page; and the ideal card)."""
    data_bytes: int = 2048
    """Two buffers a page, virtio's 1536 B and e1000e's 1.9 KiB alike (physics.md section 12); 4096 where a single page has
    room for one."""
    ring_slots: int = RING_SLOTS
    refill_batch: int = 16
    """Empty descriptors that make the driver refill (Intel: E1000_RX_BUFFER_WRITE)."""
    copybreak_bytes: int = 0
    """Frames up to this size are copied into a small skb and the ring buffer is used again."""
    heads_in_ring: bool = False
    """True: the ring holds whole skbs, head and data allocated at refill; else the head is allocated on reception."""
    qemu_device: str = ""
    """What QEMU calls it; empty: QEMU has no such card."""
    linux_modules: tuple[str, ...] = ()
    """The modules that may drive QEMU's card, the first that is there; empty without a `qemu_device`."""
    ideal: bool = False
    """No real card: heads may go to 0 at all times, too, and what came from the reserve is refused only by policies."""
    watchdog_ns: int = 0
    """Period of the forced rx interrupt; 0: nothing rings the bell of an empty ring."""


NICS: Registry[NicModel] = Registry("nic")
for _model in (
    NicModel(
        name="virtio-net",
        refill="worker",
        data="atomic",
        refill_batch=33,
        copybreak_bytes=128,
        qemu_device="virtio-net-pci",
        linux_modules=("virtio_net",),
    ),
    NicModel(
        name="e1000",
        refill="softirq",
        data="atomic",
        copybreak_bytes=256,
        watchdog_ns=INTEL_WATCHDOG_NS,
        qemu_device="e1000",
        linux_modules=("e1000",),
    ),
    NicModel(
        name="e1000e",
        refill="softirq",
        data="memalloc",
        copybreak_bytes=256,
        heads_in_ring=True,
        watchdog_ns=INTEL_WATCHDOG_NS,
        qemu_device="e1000e",
        linux_modules=("e1000e",),
    ),
    NicModel(
        name="igb",
        refill="softirq",
        data="always",
        watchdog_ns=INTEL_WATCHDOG_NS,
        qemu_device="igb",
        linux_modules=("igb",),
    ),
    NicModel(
        name="rtl8139",
        refill="swap",
        data="memalloc",
        heads_in_ring=True,
        ring_slots=RTL8139_RING_SLOTS,
        qemu_device="rtl8139",
        linux_modules=("8139cp", "8139too"),  # 8139cp leaves the older chip revisions to 8139too
    ),
    NicModel(name="r8169", refill="fixed", data="memalloc"),
    NicModel(
        name="vmxnet3",
        refill="swap",
        data="memalloc",
        heads_in_ring=True,
        ring_slots=VMXNET3_RING_SLOTS,
        qemu_device="vmxnet3",
        linux_modules=("vmxnet3",),
    ),
    # rx_complete resubmits with a fresh skb (rx_submit: __netdev_alloc_skb_ip_align); without, the ring lacks the transfer,
    # and usbnet_bh tries again for as long as it lacks any: a tasklet that schedules itself, here every 10 ms (own).
    NicModel(
        name="usbnet",
        refill="softirq",
        data="memalloc",
        heads_in_ring=True,
        ring_slots=USBNET_URBS,
        refill_batch=1,
        watchdog_ns=10 * MS_NS,
    ),
    # Transfers keep the buffers of lan78xx_alloc_rx_resources; lan78xx_rx copies each frame out (napi_alloc_skb).
    NicModel(name="lan78xx", refill="fixed", data="memalloc", ring_slots=LAN78XX_FRAMES),
    # rx_bottom hands out pieces of a transfer's pages while it gets others for it (alloc_rx_agg: several in a row, 3/8 min);
    # when memory is short it keeps them and copies each frame out (napi_alloc_skb), or loses it.
    NicModel(name="r8152", refill="fixed", data="memalloc", ring_slots=R8152_FRAMES),
    # bcmgenet_rx_refill: __netdev_alloc_skb of 2 KiB and what the kernel writes beside it, before the frame is passed up.
    NicModel(name="bcmgenet", refill="swap", data="memalloc", data_bytes=PAGE_BYTES, heads_in_ring=True),
    # stmmac_rx copies each frame out (napi_alloc_skb); its page goes back to its pool, where stmmac_rx_refill finds it.
    NicModel(name="stmmac", refill="fixed", data="memalloc", ring_slots=STMMAC_RING_SLOTS),
    # fec_enet_update_cbd: a page of the page_pool (GFP_ATOMIC, never __GFP_MEMALLOC) before the frame is passed up.
    NicModel(name="fec", refill="swap", data="atomic", data_bytes=PAGE_BYTES, heads_in_ring=True),
    NicModel(
        name="ideal", refill="softirq", data="always", heads_in_ring=True, refill_batch=1, ideal=True, watchdog_ns=MS_NS
    ),
):
    NICS.register(_model.name, _model)
