"""Keys of a machine that decide nothing under a policy. They describe the machine, which is tried under one policy after the
other, so they are no mistake: the plan tells them."""

from __future__ import annotations

from collections.abc import Iterator

from nodes.config import MachineConfig, PolicySpec
from nodes.machine.policies import policy_of


def idle(machine: MachineConfig, spec: PolicySpec) -> Iterator[tuple[str, str]]:
    """Each such key that is not as it is without one, and why it decides nothing."""
    policy, plain = policy_of(spec), MachineConfig()
    sender = policy.sender_in(machine.sender)
    told = [name for name in ("sender", "contest", "relay") if getattr(machine, name) != getattr(plain, name)]
    if policy.local_disk:
        yield from ((name, f"under policy {spec.name} swap is on a disk of the machine's own") for name in told)
    elif machine.relay != "none":
        yield from ((name, "a process sends, with no rights, and is served first") for name in told if name != "relay")
    else:
        if "sender" in told and machine.sender != sender:
            yield "sender", f"policy {spec.name} sends as '{sender}'"
        if "contest" in told and sender == "memalloc":
            yield (
                "contest",
                f"under policy {spec.name} the sender may go to 0, and has what it needs whoever comes first",
            )


def contradiction(machine: MachineConfig, spec: PolicySpec) -> str:
    """Why a machine with this sender cannot have the policy; empty: it can."""
    switches = policy_of(spec).in_kernel
    if machine.sender == "memalloc" and switches is not None and not switches.sender_memalloc:
        return (
            f"policy {spec.name} is a kernel whose sends have no right to the reserve, and sender 'memalloc' is one whose"
            " sends have: write policy none, or another sender"
        )
    return ""
