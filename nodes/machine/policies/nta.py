"""`nta`: Evgeniy Polyakov's network tree allocator of August 2006 as the only protection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nodes.config import Sender
from nodes.machine.policies.base import Policy, Variant


class NtaPolicy(Policy):
    """Packet data comes from pools that are set aside for it, so that users' pages cannot starve the network; nobody is
    marked and nobody dropped. Strangers can fill a pool: then there is no recourse (v1), or what free pages allow (v2).
    Heads are slab's, and stop at 3/8 min as under `none` (physics.md sections 7 and 12, row `nta (Polyakov)`)."""

    name: ClassVar[str] = "nta"
    follows: ClassVar[str] = (
        "Evgeniy Polyakov, lkml 14 August 2006, 20060814110359.GA27704: pools taken at boot, no recourse"
    )
    sender: ClassVar[Sender] = "submitter"
    variants: ClassVar[Mapping[str, Variant]] = {
        "nta": Variant(settings={"policy": "nta+nta-v1"}, follows=follows),
        "nta-v2": Variant(
            settings={"policy": "nta+nta-v2"},
            follows="Evgeniy Polyakov, lkml 16 August 2006, 20060816075137.GA22397: small pools that grow out of free pages",
        ),
    }
    allocators: ClassVar[tuple[str, ...]] = ("nta-v1", "nta-v2")
    own_pools: ClassVar[bool] = True
