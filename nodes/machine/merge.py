"""Neighbouring pages travel together, as the kernel's block layer merges neighbouring bios into one request.

The machine decides page by page (a bio each); reclaim takes pages in the order they were touched, and the swap device has a
slot per page in the same order, so what it sends in one go mostly lies side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nodes.machine.events import Decision, ReadIn, WriteOut

PAGES_MAX = 32
"""Pages of one request: SWAP_CLUSTER_MAX, what reclaim submits under one plug (physics.md section 2; block/blk-core.c)."""


@dataclass(slots=True)
class Transfer:
    """One request on the wire for `pages` pages from `first`; `requests` are the machine's numbers, page by page."""

    is_write: bool
    first: int
    requests: list[int]
    generations: list[int]

    @property
    def pages(self) -> int:
        return len(self.requests)


def merged(decisions: Iterable[Decision]) -> list[Decision | Transfer]:
    """`decisions` with every run of writes, or of reads, to neighbouring pages made one Transfer. I/O keeps its order;
    what is not I/O may overtake it, which is safe: a page under I/O is neither touched nor discarded in the same poll."""
    out: list[Decision | Transfer] = []
    transfer: Transfer | None = None
    following = -1
    for decision in decisions:
        if not isinstance(decision, (WriteOut, ReadIn)):
            out.append(decision)
            continue
        is_write, page = isinstance(decision, WriteOut), decision.page
        if transfer is None or page != following or transfer.is_write is not is_write or transfer.pages == PAGES_MAX:
            if transfer is not None:
                out.append(transfer)
            transfer = Transfer(is_write, page, [], [])
        following = page + 1
        transfer.requests.append(decision.request)
        transfer.generations.append(decision.generation)
    if transfer is not None:
        out.append(transfer)
    return out
