"""`mainline`: SOCK_MEMALLOC as merged in Linux 3.6 and still there in 6.12."""

from __future__ import annotations

from typing import ClassVar

from nodes.machine.allocators.base import ALL_RESERVE, NO_RESERVE
from nodes.machine.nic import NicModel
from nodes.machine.policies.base import KernelSwitches, Policy


class MainlinePolicy(Policy):
    """No reserve is added: the administrator sizes min. Data may go to 0 only where the driver's allocation call passes
    __GFP_MEMALLOC; the sk_buff head never may (plain GFP_ATOMIC), which decides who hangs (physics.md section 3, "the hole
    nobody advertises"). Marked packets for unflagged sockets are dropped; ICMP is not."""

    name: ClassVar[str] = "mainline"
    follows: ClassVar[str] = "Linux 3.6 (Mel Gorman's series, V15, 12 July 2012), read in 6.1.192 and 6.12.117"
    patches_sender: ClassVar[bool] = True
    in_kernel: ClassVar[KernelSwitches | None] = KernelSwitches(memalloc=True)
    memalloc_socket: ClassVar[bool] = True
    heads_mark: ClassVar[bool] = False
    """skb->pfmemalloc is set from the data alone (__netdev_alloc_skb, napi_alloc_skb, build_skb: net/core/skbuff.c). So with
    head_reserve a card whose data stops at 3/8 min (e1000) gives the reserve's heads away to strangers."""

    def __init__(self, head_reserve: bool = False) -> None:
        self._heads = ALL_RESERVE if head_reserve else NO_RESERVE

    def with_head_reserve(self) -> Policy:
        """Adds __GFP_MEMALLOC to the allocations of heads on reception, and nothing else: what the lab's probe did, under
        which cards live that hung for want of heads (own; physics.md section 3, "the hole nobody advertises")."""
        return MainlinePolicy(head_reserve=True)

    def on_ring_shortage(self, nic: NicModel) -> int:
        return ALL_RESERVE if nic.data == "memalloc" else NO_RESERVE

    def on_copy_shortage(self) -> int:
        # Copies go into a napi_alloc_skb, whose data takes MEMALLOC once a flagged socket exists, on every card.
        return ALL_RESERVE

    def on_head_shortage(self) -> int:
        return self._heads

    def on_demux(self, memalloc_socket: bool) -> bool:
        return memalloc_socket
