"""`nta`: Evgeniy Polyakov's network tree allocator of August 2006 as the only protection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nodes.machine.policies.base import Policy


class NtaPolicy(Policy):
    """Packet data comes from pools that are set aside for it, so that users' pages cannot starve the network; nobody is
    marked and nobody dropped. Strangers can fill a pool. Heads are slab's, and stop at 3/8 min as under `none` (physics.md
    sections 7 and 12, row `nta (Polyakov)`)."""

    name: ClassVar[str] = "nta"
    variants: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "nta-v1": {"policy": "nta+nta-v1"},
        "nta": {"policy": "nta+nta"},
    }
    allocators: ClassVar[tuple[str, ...]] = ("nta", "nta-v1")
    own_pools: ClassVar[bool] = True
