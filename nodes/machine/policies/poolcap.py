"""`pool-cap`: network memory that has a limit *and* comes from a pool of its own, the strongest form of both ideas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nodes.config import Sender
from nodes.machine.policies.base import Policy, Variant
from nodes.units import PAGE_BYTES

UNDER_WAY_BYTES = 64 * 2048
"""What a poll of 64 packets holds between the ring and the sockets (NAPI_POLL_WEIGHT; physics.md section 8): no limit
counts it, so the pool keeps room for it."""


class PoolCapPolicy(Policy):
    """Packet data comes from Polyakov's pools of 14 August, and what sockets and transmission hold may not go over what the
    pool of the receiving CPU has beside its rings and one poll. So sockets cannot fill the pool, and users cannot take it:
    ways A and B are shut. With a floor per socket (PolicySpec.socket_floor_bytes) strangers who hold all of the limit do
    not shut the storage reply out, which is way C (physics.md section 8, "cap + dedicated pool"). The floors of all
    sockets come on top of the limit. Heads are slab's, as under `nta`: they are what is left to go wrong."""

    name: ClassVar[str] = "pool-cap"
    follows: ClassVar[str] = (
        "our own, after David Miller, netdev 13 August 2006, 20060813.165540.56347790, who saw in Polyakov's pools a limit"
        " for all network memory"
    )
    sender: ClassVar[Sender] = "submitter"
    variants: ClassVar[Mapping[str, Variant]] = {
        "pool-cap": Variant(settings={"policy": "pool-cap", "policy.socket_floor": "0 B"}, follows=follows),
        "pool-cap+floor": Variant(
            settings={"policy": "pool-cap", "policy.socket_floor": "4 KiB"},
            follows="our own: the same, and 4 KiB for every socket whatever the sum",
        ),
    }
    allocators: ClassVar[tuple[str, ...]] = ("nta-v1",)
    own_pools: ClassVar[bool] = True
    takes_floor: ClassVar[bool] = True

    def network_cap_pages(self, memory_pages: int, pool_pages: int = 0) -> int:
        return max(1, pool_pages - UNDER_WAY_BYTES // PAGE_BYTES)
