"""A process that all block I/O of its own machine passes through: an initiator in user space, or the storage target itself.

Theory of operation. To the kernel it is a process as any other, and the pages that it frees by its work it needs itself:
* what it sends or serves a request with it allocates with GFP_KERNEL, or GFP_NOIO: nothing at or below min;
* nobody flags its socket, so that no policy that needs a flagged one does anything for it (physics.md section 3);
* when it gets no page it goes into direct reclaim, as any task, and writes to the device that it serves. With
  PR_SET_IO_FLUSHER it does not (kernel/sys.c, PF_MEMALLOC_NOIO): that spares it the wait in there, and gives it no page;
* without mlockall its own memory is swapped out, too. What it touched last before the application filled memory is the
  oldest of all, and goes with the first pages that are written. It needs some of that only now and then, in the model once
  a second (own: a timer, a log line): then it waits for a read that nobody but itself could carry (physics.md section 10,
  rows 2 and 3). One thread carries requests (own; most have one for each direction or connection).
It is modelled at its best: a page that comes back is offered to it before any task (own), and the copies with which the
kernel hands a request over to it are not counted. With swap on a local disk nothing passes through it.
"""

from __future__ import annotations

from nodes.config import MachineConfig
from nodes.machine.policies.base import Policy
from nodes.units import SECOND_NS

COLD_NS = SECOND_NS
"""How often a process needs a page of its own that its usual work does not touch (own)."""


class Relay:
    """The process of one machine. `config.relay` is not `none`."""

    def __init__(self, config: MachineConfig) -> None:
        self.at_home = config.relay == "target"
        """It is the target: its answers need no packet."""
        self.locked, self.flusher = config.relay_locked, config.relay_flusher
        self.due_ns: int | None = None
        """When it next needs a page that is out; None: it has all of them."""
        self.stuck = False
        """It waits for a page of its own, which it alone could read."""

    def on_written(self, now_ns: int) -> None:
        """A page is out: the first ones are its own, unless it has locked them."""
        if not self.locked and self.due_ns is None:
            self.due_ns = now_ns + COLD_NS

    def carries(self, now_ns: int) -> bool:
        """Is it able to take up a request?"""
        if self.due_ns is not None and now_ns >= self.due_ns:
            self.stuck = True
        return not self.stuck

    def signature(self, now_ns: int) -> tuple[object, ...]:
        """What decides its future."""
        return self.stuck, None if self.due_ns is None else max(0, self.due_ns - now_ns)


def refusal(config: MachineConfig, policy: Policy) -> str:
    """Why a machine with this process cannot have `policy`; empty: it can."""
    if config.relay == "initiator" and policy.memalloc_socket:
        return f"policy {policy.name} flags the kernel's socket, and nobody flags that of a process: it comes to policy none"
    return ""
