"""`netmem`: David Miller's position of August 2006: bound all network memory together, and make nobody special."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nodes.config import Era, Sender
from nodes.machine.policies.base import KernelSwitches, Policy, Variant

LEAST_PAGES = 128
"""tcp_init_mem's lower bound (net/ipv4/tcp.c; physics.md section 8)."""


def tcp_mem_pages(memory_pages: int) -> tuple[int, int, int]:
    """tcp_mem's three limits, in pages: L = max(pages / 16, 128), and then 3/4 L, L, 3/2 L, which is 4.68, 6.25 and 9.37 %
    of memory where that is large (physics.md section 8)."""
    limit = max(memory_pages // 16, LEAST_PAGES)
    low = limit // 4 * 3
    return low, limit, 2 * low


class NetmemPolicy(Policy):
    """What sockets and transmission hold may not go over tcp_mem's third limit, counted over all of the network. Over it,
    whoever comes is dropped, storage replies too, and a sender waits: so TCP was in 2006 (`sk_stream_mem_schedule`). Floors
    are those of `none`. Between the second and the third limit nothing happens here: the kernel would shrink TCP windows,
    which the machine does not have (physics.md section 12, row `netmem cap (Miller)`).

    PolicySpec.socket_floor_bytes is what every socket may hold whatever the sum: it gives the paging socket its way."""

    name: ClassVar[str] = "netmem"
    follows: ClassVar[str] = (
        "David Miller, netdev 13 August 2006, 20060813.165540.56347790: one limit for all network memory"
    )
    sender: ClassVar[Sender] = "submitter"
    eras: ClassVar[tuple[Era, ...]] = ("2006", "today")
    variants: ClassVar[Mapping[str, Variant]] = {
        "netmem": Variant(
            settings={"policy": "netmem", "policy.era": "2006", "policy.socket_floor": "0 B"}, follows=follows
        ),
        "netmem-today": Variant(
            settings={
                "policy": "netmem",
                "policy.era": "today",
                "policy.socket_floor": "0 B",
                "nodes.initiator.sender": "memalloc",
            },
            follows="tcp_mem since Linux 4.2: a first packet is taken over the limit (sk_forced_mem_schedule)",
        ),
        "netmem+floor": Variant(
            settings={"policy": "netmem", "policy.era": "2006", "policy.socket_floor": "4 KiB"},
            follows="our own: Miller's limit, and 4 KiB for every socket whatever the sum (Rik van Riel's objection to him)",
        ),
    }
    takes_floor: ClassVar[bool] = True
    in_kernel: ClassVar[KernelSwitches | None] = KernelSwitches(at_boot=True)

    def in_era(self, era: Era) -> Policy:
        return NetmemTodayPolicy() if era == "today" else self

    def network_cap_pages(self, memory_pages: int, pool_pages: int = 0) -> int:
        return tcp_mem_pages(memory_pages)[2]


class NetmemTodayPolicy(NetmemPolicy):
    """As TCP is since 4.2: in-order data for an empty receive queue is taken over the limit too (`tcp_data_queue`,
    `sk_forced_mem_schedule`), and so is the first segment of an empty send queue (`tcp_stream_alloc_skb`,
    `tcp_wmem_schedule`); K6 net/ipv4/tcp_input.c, tcp.c (physics.md section 0). UDP has no such rule. A whole request goes
    out over the limit here; tcp_wmem_schedule would let a part of it, up to tcp_wmem[0] (4 KiB), and the rest later."""

    sender: ClassVar[Sender] = "memalloc"

    def forces_first(self) -> bool:
        return True
