"""`memalloc`: Zijlstra's SOCK_MEMALLOC of August-September 2006, with emergency packets in SROG groups or in whole pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nodes.machine.nic import NicModel
from nodes.machine.policies.base import KernelSwitches, Policy, Variant

RX_RESERVE_PAGES = 128
"""Pages that marked packets may hold in all, added once to min: 64 packets of 2 pages (PZ06c; physics.md section 6)."""
TX_RESERVE_PAGES = 352
"""Added per block queue: 4 x 44 x 2, 44 being the IP fragments of a 64 KiB datagram (PZ06c; physics.md section 6)."""
SROG_RX_RESERVE_PAGES = 640
"""128 emergency packets of up to 5 pages, added once (PZ06b; physics.md section 6)."""
SROG_TX_RESERVE_PAGES = 256
"""2 x MAX_PHYS_SEGMENTS, added per paging socket (PZ06b; physics.md section 6)."""


class MemallocPolicy(Policy):
    """The paging socket is flagged. Head and data of any packet, on any card, may come from the reserve, which marks the
    packet; a marked packet for an unflagged socket is dropped as soon as its socket is known, and so is marked ICMP
    (physics.md section 12, rows `memalloc`). Where packets have SROG groups the limit is their number (`fallback`), and 5
    pages for each; else it is 128 pages."""

    name: ClassVar[str] = "memalloc"
    patches_sender: ClassVar[bool] = True
    follows: ClassVar[str] = (
        "Peter Zijlstra, v4, linux-mm 12 August 2006, 20060812141445.30842@lappy: SROG groups as a fallback for slab"
    )
    variants: ClassVar[Mapping[str, Variant]] = {
        "memalloc": Variant(settings={"policy": "memalloc+srog"}, follows=follows),
        "memalloc+pages": Variant(
            settings={"policy": "memalloc+pages"},
            follows="Peter Zijlstra, linux-mm 25 August 2006 and later (SOCK_VMIO): an emergency packet takes a page for its"
            " head and one for its data",
        ),
        "memalloc+slab": Variant(
            settings={"policy": "memalloc+slab"},
            follows="our own yardstick: emergency packets share slab's pages; in 2006 no posting had it",
        ),
    }
    in_kernel: ClassVar[KernelSwitches | None] = KernelSwitches(memalloc=True)
    allocators: ClassVar[tuple[str, ...]] = ("srog", "pages", "slab")
    memalloc_socket: ClassVar[bool] = True

    def reserve_for(self, allocator: str, cards: int = 1) -> int:
        if allocator == "srog":
            return SROG_RX_RESERVE_PAGES + SROG_TX_RESERVE_PAGES
        return RX_RESERVE_PAGES + TX_RESERVE_PAGES

    def __init__(self, rx_pages: int = RX_RESERVE_PAGES) -> None:
        self._rx_pages = rx_pages

    def with_allocator(self, allocator: str) -> Policy:
        return MemallocPolicy(SROG_RX_RESERVE_PAGES) if allocator == "srog" else self

    def on_ring_shortage(self, nic: NicModel) -> int:
        return self._rx_pages

    def on_copy_shortage(self) -> int:
        return self._rx_pages

    def on_head_shortage(self) -> int:
        return self._rx_pages

    def on_demux(self, memalloc_socket: bool) -> bool:
        return memalloc_socket

    def on_icmp(self) -> bool:
        return False
