"""A policy as a person names it: `memalloc`, or `memalloc+srog` with the packet allocator that it is to use, and either with
`+head_reserve` at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import structs

from nodes.config import PolicySpec
from nodes.errors import UsageError
from nodes.machine.policies import POLICIES, policy_of, spec_of, takes_head_reserve
from nodes.registry import did_you_mean

WITH = "+"
HEADS = f"{WITH}head_reserve"


def read_policy(text: str, before: PolicySpec | None = None) -> PolicySpec:
    """The policy `text` names. Without an allocator in it: the policy's default. Without `+head_reserve`: none. Of `before`
    it takes what a text cannot say, where the policy can have it: the floor of sockets and the size of pools. Raises
    UsageError."""
    name, plus, allocator = text.removesuffix(HEADS).partition(WITH)
    if name not in POLICIES or (plus and not allocator):
        raise unknown(text)
    policy, spec = POLICIES[name], spec_of(name, allocator, text.endswith(HEADS))
    if before is None:
        return spec
    return structs.replace(
        spec,
        socket_floor_bytes=before.socket_floor_bytes if policy.takes_floor else 0,
        pool_bytes=before.pool_bytes if policy.own_pools else 0,
        era=before.era if before.era in policy.eras else "",
    )


def unknown(text: str, also: Iterable[str] = ()) -> UsageError:
    """What to raise for a text that names no policy, and none of `also`. One that is a packet allocator's name alone, as
    policies once had, is told the policy that has it."""
    known = list(known_policies())
    instead = next((name for name in known if name.endswith(f"{WITH}{text}")), "")
    hint = f"did you mean '{instead}'?" if text and instead else did_you_mean(text, [*known, *also])
    return UsageError(f"unknown policy '{text}' ({hint})")


def policy_text(spec: PolicySpec) -> str:
    """The shortest text that `read_policy` takes for `spec`, its floor and era apart."""
    default = POLICIES[spec.name].allocators[0]
    allocator = "" if spec.allocator == default else f"{WITH}{spec.allocator}"
    return f"{spec.name}{allocator}{HEADS if spec.head_reserve else ''}"


def known_policies() -> Iterator[str]:
    """Every text that names a policy: each alone, then with each allocator that it can be combined with, then all of these
    that can have it with the reserve for heads."""
    texts = dict(POLICIES.items())
    for name, policy in POLICIES.items():
        texts |= {f"{name}{WITH}{allocator}": policy for allocator in policy.allocators}
    yield from texts
    yield from (text + HEADS for text, policy in texts.items() if takes_head_reserve(policy))


def wrong_with(spec: PolicySpec) -> Iterator[tuple[str, str]]:
    """Which key of `spec` does not fit the others, and why."""
    plain = structs.replace(spec, head_reserve=False, pool_bytes=0, era="")
    pooled = structs.replace(plain, pool_bytes=spec.pool_bytes)
    timed = structs.replace(pooled, era=spec.era)
    for key, part in (("allocator", plain), ("pool", pooled), ("era", timed), ("head_reserve", spec)):
        try:
            policy_of(part)
        except UsageError as error:
            yield key, str(error)
            break
    if spec.socket_floor_bytes and not POLICIES[spec.name].takes_floor:
        possible = ", ".join(name for name, policy in POLICIES.items() if policy.takes_floor)
        yield "socket_floor", f"policy {spec.name} has no floor per socket: only {possible} have"
