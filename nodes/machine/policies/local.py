"""`local`: swap to a local disk, protected by the block layer's own small reserve."""

from __future__ import annotations

from typing import ClassVar

from nodes.machine.policies.base import KernelSwitches, Policy


class LocalPolicy(Policy):
    """Needs 1 bio a write, with 2 in reserve; completion comes by interrupt and allocates nothing, so the wait for a spare
    bio is finite (physics.md section 11). The network's packets can still take all memory above 3/8 min."""

    name: ClassVar[str] = "local"
    follows: ClassVar[str] = "the block layer's own reserve of bios, long before 2006 (physics.md section 11)"
    in_kernel: ClassVar[KernelSwitches | None] = KernelSwitches(at_boot=True)
    local_disk: ClassVar[bool] = True
