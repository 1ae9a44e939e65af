"""`unpatched`: a kernel from before the patches, in which the block driver has no right to the reserve either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nodes.config import Sender
from nodes.machine.policies.base import KernelSwitches, Policy, Variant


class UnpatchedPolicy(Policy):
    """As `none`, and nbd sends from its own thread without PF_MEMALLOC: the kernel that Gorman called vanilla (physics.md
    sections 0 and 9). In 2006 requests ran in the submitter's context instead, which is the second form."""

    name: ClassVar[str] = "unpatched"
    in_kernel: ClassVar[KernelSwitches | None] = KernelSwitches(sender_memalloc=False)
    sender: ClassVar[Sender] = "noio"
    follows: ClassVar[str] = "Linux up to 3.5: nbd sends from a thread of its own, with GFP_NOIO (physics.md section 0)"
    variants: ClassVar[Mapping[str, Variant]] = {
        "unpatched": Variant(settings={"policy": "unpatched", "nodes.initiator.sender": "noio"}, follows=follows),
        "unpatched-2006": Variant(
            settings={"policy": "unpatched", "nodes.initiator.sender": "submitter"},
            follows="Linux of 2006: nbd sends in the submitter's context (physics.md section 0)",
        ),
    }
