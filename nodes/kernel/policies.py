"""The reserve policies as a real kernel has them: four switches of the module, and settings made at boot."""

from __future__ import annotations

from msgspec import Struct

from nodes.config import GuestSpec, PolicySpec
from nodes.errors import LackingError, UsageError
from nodes.kernel.protocol import ControlName, Telemetry
from nodes.machine.policies import POLICIES
from nodes.machine.policies.base import KernelSwitches


class Switches(Struct, frozen=True, kw_only=True):
    """What the module can change while the guest runs, in `ControlName`'s words."""

    memalloc: bool = False
    sender_memalloc: bool = True
    head_reserve: bool = False
    iface: bool = False

    def commands(self) -> list[tuple[ControlName, int]]:
        """All of them, as commands; the flag comes last, so that nothing acts on half a policy."""
        return [
            ("iface", int(self.iface)),
            ("head_reserve", int(self.head_reserve)),
            ("sender_memalloc", int(self.sender_memalloc)),
            ("memalloc", int(self.memalloc)),
        ]


UNKNOWN = "unknown"
"""What is in force when a client has made its connection anew, with flags that nobody here gave it: no policy's name."""
SENDS_MIN = 100
"""A guest whose block socket has served so many requests shows by then whether its sends are stripped (own)."""
_ALLOCATOR = "slab"
"""The kernel's own. A policy with its default allocator takes its packets from there too: SROG is in no kernel, and nobody
asked for it."""


def switches_of(policy: PolicySpec) -> Switches:
    """What `policy` means in a kernel. Raises LackingError for what no kernel has, UsageError for head_reserve without a
    flagged socket."""
    switches = _in_kernel(policy.name)
    if switches is None or policy.allocator not in (_ALLOCATOR, POLICIES[policy.name].allocators[0]):
        what = f"policy '{policy.name}'" if switches is None else f"allocator '{policy.allocator}'"
        raise LackingError(f"{what} is not in any kernel: use the container tier")
    if policy.era not in ("", "today"):
        raise LackingError(f"policy '{policy.name}' as of {policy.era} is not in any kernel: use the container tier")
    if policy.head_reserve and not switches.memalloc:
        raise UsageError(f"policy '{policy.name}' cannot have head_reserve: it opens the reserve to no socket")
    return Switches(
        memalloc=switches.memalloc,
        sender_memalloc=switches.sender_memalloc,
        iface=switches.iface,
        head_reserve=policy.head_reserve,
    )


def _in_kernel(name: str) -> KernelSwitches | None:
    return POLICIES[name].in_kernel if name in POLICIES else None


def check_live(before: PolicySpec, after: PolicySpec) -> None:
    """Raises UsageError when a running guest cannot go from one to the other, LackingError as `switches_of`."""
    switches_of(after)
    for name in (before.name, after.name):
        switches = _in_kernel(name)
        if before.name != after.name and switches is not None and switches.at_boot:
            raise UsageError(f"policy '{name}' is set up when a guest boots: start a new run")


def check_guest(policy: PolicySpec, guest: GuestSpec) -> None:
    """Raises what `switches_of` does, and LackingError for a policy that strips a sender which is not nbd's: NVMe's has its
    own rights and ways (nvme_tcp_try_send, drivers/nvme/host/tcp.c), which no probe is made for, and a relay has none."""
    if (guest.transport != "nbd" or guest.relay) and not switches_of(policy).sender_memalloc:
        raise LackingError(f"policy '{policy.name}' is nbd's alone: use transport nbd without a relay")


def text(policy: PolicySpec) -> str:
    """`policy` in a word, for a message."""
    return f"{policy.name}{'+head_reserve' if policy.head_reserve else ''}"


def in_force(asked: PolicySpec, told: Telemetry) -> PolicySpec:
    """`asked` where the guest's switches are its, else the policy whose switches they are; UNKNOWN where the guest has no
    block socket whose flag could be read, though `asked` has one, and where its sends should be stripped of their rights and
    are not."""
    if told.memalloc < 0 and asked.name != "local":
        return PolicySpec(name=UNKNOWN)
    if not told.sender_memalloc and not told.bare_sends and told.reads + told.writes >= SENDS_MIN:
        return PolicySpec(name=UNKNOWN)
    now = Switches(
        memalloc=told.memalloc == 1,
        sender_memalloc=bool(told.sender_memalloc),
        head_reserve=bool(told.head_reserve),
        iface=bool(told.iface),
    )
    if now == switches_of(asked):
        return asked
    name = _name_of(now)
    allocator = POLICIES[name].allocators[0] if name in POLICIES else _ALLOCATOR
    return PolicySpec(name=name, allocator=allocator, head_reserve=now.head_reserve)


def _name_of(now: Switches) -> str:
    """The policy with these switches; UNKNOWN: none has them."""
    if not now.sender_memalloc:
        return UNKNOWN if now.memalloc or now.iface else "unpatched"
    return "iface" if now.iface and now.memalloc else "memalloc" if now.memalloc else "none"
