"""A policy as a person names it: `memalloc`, or `memalloc+srog` with the packet allocator that it is to use, and either with
`+head_reserve` at its end."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from nodes.config import PolicySpec
from nodes.errors import UsageError
from nodes.machine.policies import POLICIES, policy_of, spec_of, takes_head_reserve

WITH = "+"
HEADS = f"{WITH}head_reserve"
FLOOR_POLICY = "netmem"
"""The only policy that knows a floor per socket."""


def read_policy(text: str, before: PolicySpec | None = None) -> PolicySpec:
    """The policy `text` names. Without an allocator in it: that of `before` where the policy can be combined with it, else
    the policy's default. Without `+head_reserve`: none. Raises UsageError."""
    name, _, allocator = text.removesuffix(HEADS).partition(WITH)
    if not allocator and before and before.allocator in POLICIES[name].allocators:
        allocator = before.allocator
    floor_bytes = before.socket_floor_bytes if before and name == FLOOR_POLICY else 0
    return structs.replace(spec_of(name, allocator, text.endswith(HEADS)), socket_floor_bytes=floor_bytes)


def policy_text(spec: PolicySpec) -> str:
    """The shortest text that `read_policy` takes for `spec`, its floor apart."""
    default = POLICIES[spec.name].allocators[0]
    allocator = "" if spec.allocator == default else f"{WITH}{spec.allocator}"
    return f"{spec.name}{allocator}{HEADS if spec.head_reserve else ''}"


def known_policies() -> Iterator[str]:
    """Every text that names a policy: each alone, then with each allocator that it can be combined with, then all of these
    that can have it with the reserve for heads."""
    texts = dict(POLICIES.items())
    for name, policy in POLICIES.items():
        if len(policy.allocators) > 1:
            texts |= {f"{name}{WITH}{allocator}": policy for allocator in policy.allocators}
    yield from texts
    yield from (text + HEADS for text, policy in texts.items() if takes_head_reserve(policy))


def wrong_with(spec: PolicySpec) -> Iterator[tuple[str, str]]:
    """Which key of `spec` does not fit the others, and why."""
    for key, part in (("allocator", structs.replace(spec, head_reserve=False)), ("head_reserve", spec)):
        try:
            policy_of(part)
        except UsageError as error:
            yield key, str(error)
            break
    if spec.socket_floor_bytes and spec.name != FLOOR_POLICY:
        yield "socket_floor", f"policy {spec.name} has no floor per socket: only {FLOOR_POLICY} has"
