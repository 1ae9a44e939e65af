"""`none`: a kernel of today without SOCK_MEMALLOC. The baseline that must fail."""

from __future__ import annotations

from typing import ClassVar

from nodes.machine.policies.base import KernelSwitches, Policy


class NonePolicy(Policy):
    """Strangers' packets stay until they are read or the receive buffer is full (physics.md section 12, row `none`).
    The block driver sends as today's does; `unpatched` is the machine of before the patches."""

    name: ClassVar[str] = "none"
    in_kernel: ClassVar[KernelSwitches | None] = KernelSwitches()
    follows: ClassVar[str] = (
        "our own baseline: Linux since 3.6 with SOCK_MEMALLOC cleared; where a scenario names the sender, that one"
        " (physics.md section 12, row `none`)"
    )
