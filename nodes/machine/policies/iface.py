"""`iface`: Daniel Phillips' patches of August 2005, which count on the network device and mark nothing."""

from __future__ import annotations

from typing import ClassVar

from nodes.config import Sender
from nodes.machine.allocators.base import ALL_RESERVE
from nodes.machine.allocators.slab import HEAD_BYTES
from nodes.machine.nic import NicModel
from nodes.machine.policies.base import KernelSwitches, Policy
from nodes.units import PAGE_BYTES

RX_RESERVE_PACKETS = 50
"""A device's rx_reserve, as ether_setup set it (DP05; physics.md section 5)."""
BUFFER_BYTES = 2048
LINK_BYTES = 16
"""Added to a buffer before it is rounded up to a power of two (`estimate_skb_pages`, DP05, 12 August; that of 8 August had
ffs for fls there, and came to 1 page instead of 50: own reading; physics.md section 5)."""


def reserve_pages(packets: int = RX_RESERVE_PACKETS) -> int:
    """What a driver adds to min for one device: slab pages for the heads of `packets`, and for each a buffer rounded up to
    a power of two, which is a page here (adjust_memalloc_reserve; physics.md section 5): 50 packets take 54 pages."""
    heads_a_page = PAGE_BYTES // HEAD_BYTES
    buffer_bytes = 1 << (BUFFER_BYTES + LINK_BYTES - 1).bit_length()
    return -(-packets // heads_a_page) + -(-packets * buffer_bytes // PAGE_BYTES)


class IfacePolicy(Policy):
    """A packet that finds no memory may take it from the reserve while its card owes fewer than 50 packets; that is one more
    packet of debt. While the card has a debt, *any* packet that comes through it and finds a socket pays one back and is
    dropped, unless it is for the flagged socket; so does all ICMP. A packet for no socket pays nothing. Other cards do not
    notice. The block driver sends as it did (200508120831.57884.phillips@istop.com, 12 August 2005; physics.md sections 5
    and 12, row `iface (2005)`).

    A packet that took nothing may pay another's debt; the one that did take may then come when there is none, and be
    delivered to a stranger: reserve pages leak into sockets. That is the patch's own defect (Garzik; section 5)."""

    name: ClassVar[str] = "iface"
    follows: ClassVar[str] = (
        "Daniel Phillips, netdev 6 to 12 August 2005, 200508061722.24106 and the takes after it: counters on the card"
    )
    sender: ClassVar[Sender] = "submitter"
    in_kernel: ClassVar[KernelSwitches | None] = KernelSwitches(memalloc=True, iface=True)
    memalloc_socket: ClassVar[bool] = True
    debt_max_packets: ClassVar[int] = RX_RESERVE_PACKETS

    def reserve_for(self, allocator: str, cards: int = 1) -> int:
        return cards * reserve_pages()

    def on_ring_shortage(self, nic: NicModel) -> int:
        return ALL_RESERVE

    def on_copy_shortage(self) -> int:
        return ALL_RESERVE

    def on_head_shortage(self) -> int:
        return ALL_RESERVE

    def on_debt(self, memalloc_socket: bool) -> bool:
        return memalloc_socket
