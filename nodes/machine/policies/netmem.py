"""`netmem`: David Miller's position of August 2006: bound all network memory together, and make nobody special."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

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
    whoever comes is dropped, storage replies too, and a sender waits. Floors are those of `none`. Between the second and
    the third limit nothing happens here: the kernel would shrink TCP windows, which the machine does not have (physics.md
    section 12, row `netmem cap (Miller)`).

    PolicySpec.socket_floor_bytes is what every socket may hold whatever the sum: it gives the paging socket its way."""

    name: ClassVar[str] = "netmem"
    follows: ClassVar[str] = (
        "David Miller, netdev 13 August 2006, 20060813.165540.56347790: one limit for all network memory"
    )
    variants: ClassVar[Mapping[str, Variant]] = {
        "netmem": Variant(settings={"policy": "netmem", "policy.socket_floor": "0 B"}, follows=follows),
        "netmem+floor": Variant(
            settings={"policy": "netmem", "policy.socket_floor": "4 KiB"},
            follows="our own: Miller's limit, and 4 KiB for every socket whatever the sum (Rik van Riel's objection to him)",
        ),
    }
    takes_floor: ClassVar[bool] = True
    in_kernel: ClassVar[KernelSwitches | None] = KernelSwitches(at_boot=True)

    def network_cap_pages(self, memory_pages: int, pool_pages: int = 0) -> int:
        return tcp_mem_pages(memory_pages)[2]
