"""Linux' network drivers, and the NIC model that is nearest to each: by where reception gets its memory.

The rules of each driver are in physics.md section 4 (kernels 6.1 and 6.12), those of drivers of small boards in the named
file and function of Linux 6.12.117.
"""

from __future__ import annotations

from typing import NamedTuple


class Likeness(NamedTuple):
    """A driver's nearest model."""

    model: str
    same: bool
    """It is the model's own driver, so that what was measured of the model was measured of it."""
    rule: str
    """How reception gets memory."""
    source: str = "physics.md section 4"


ATOMIC = "its receive buffers stop at 3/8 of min whatever is flagged"
TO_ZERO = "its receive buffers may take the whole reserve, and packets from there are refused by every unflagged socket"
COPIES = "its ring never runs dry, and each packet is copied into fresh memory or lost"
SWAPS = "it needs a fresh buffer before it passes a packet up, and drops the packet when there is none"
REFILLS = "with SOCK_MEMALLOC its receive buffers may take the whole reserve"
USB = f"each transfer that ends is given a fresh buffer; {REFILLS}"

DRIVERS: dict[str, Likeness] = {
    "virtio_net": Likeness("virtio-net", True, f"{ATOMIC}; a worker that may sleep in reclaim refills the empty ring"),
    "e1000": Likeness("e1000", True, ATOMIC),
    "e1000e": Likeness("e1000e", True, REFILLS),
    "igb": Likeness("igb", True, TO_ZERO),
    "8139cp": Likeness("rtl8139", True, SWAPS),
    "vmxnet3": Likeness("vmxnet3", True, SWAPS),
    "r8169": Likeness("r8169", True, COPIES),
    **dict.fromkeys(("8139too", "hv_netvsc"), Likeness("r8169", False, COPIES)),
    **dict.fromkeys(
        ("ixgbe", "ixgbevf", "i40e", "ice", "igc", "ena", "mlx4_core", "mlx4_en"), Likeness("igb", False, TO_ZERO)
    ),
    **dict.fromkeys(
        ("mlx5_core", "bnxt_en", "mana", "gve", "tg3", "vif", "xen_netfront", "xen-netfront", "iavf"),
        Likeness("e1000", False, ATOMIC),
    ),
    **dict.fromkeys(
        ("usbnet", "smsc95xx", "smsc75xx", "asix", "ax88179_178a", "cdc_ether", "cdc_ncm", "rndis_host", "sr9700", "dm9601"),
        Likeness("usbnet", False, USB, "drivers/net/usb/usbnet.c rx_submit"),
    ),
    "lan78xx": Likeness("lan78xx", True, COPIES, "drivers/net/usb/lan78xx.c lan78xx_rx"),
    "r8152": Likeness("r8152", True, COPIES, "drivers/net/usb/r8152.c rx_bottom"),
    "bcmgenet": Likeness("bcmgenet", True, SWAPS, "drivers/net/ethernet/broadcom/genet/bcmgenet.c bcmgenet_rx_refill"),
    "macb": Likeness("e1000e", False, REFILLS, "drivers/net/ethernet/cadence/macb_main.c gem_rx_refill"),
    "fec": Likeness("fec", True, SWAPS, "drivers/net/ethernet/freescale/fec_main.c fec_enet_update_cbd"),
    **dict.fromkeys(
        ("stmmac", "dwmac-sun8i", "rk_gmac-dwmac", "st_gmac", "dwmac-meson8b"),
        Likeness("stmmac", True, COPIES, "drivers/net/ethernet/stmicro/stmmac/stmmac_main.c stmmac_rx"),
    ),
    "mvneta": Likeness("e1000", False, f"{ATOMIC} (page_pool)", "net/core/page_pool.c"),
}  # fmt: skip
"""Driver -> likeness; a driver that is not here is not known to us."""


def likeness(driver: str) -> Likeness | None:
    """Of `driver`; None when its rules are not known."""
    return DRIVERS.get(driver)
