"""Reserve policies by name. Registration is explicit: adding one is a file here, a line in this table, a page in docs."""

from __future__ import annotations

from nodes.config import PolicySpec
from nodes.errors import UsageError
from nodes.machine.policies.base import Policy
from nodes.machine.policies.ideal import IdealPolicy
from nodes.machine.policies.iface import IfacePolicy
from nodes.machine.policies.local import LocalPolicy
from nodes.machine.policies.mainline import MainlinePolicy
from nodes.machine.policies.memalloc import MemallocPolicy
from nodes.machine.policies.netmem import NetmemPolicy
from nodes.machine.policies.none import NonePolicy
from nodes.machine.policies.nta import NtaPolicy
from nodes.machine.policies.poolcap import PoolCapPolicy
from nodes.machine.policies.unpatched import UnpatchedPolicy
from nodes.registry import Registry

POLICIES: Registry[Policy] = Registry("policy")
for _policy in (
    UnpatchedPolicy(),
    NonePolicy(),
    LocalPolicy(),
    IfacePolicy(),
    MemallocPolicy(),
    NetmemPolicy(),
    NtaPolicy(),
    PoolCapPolicy(),
    MainlinePolicy(),
    IdealPolicy(),
):
    POLICIES.register(_policy.name, _policy)


def takes_head_reserve(policy: Policy) -> bool:
    """Can it be combined with `PolicySpec.head_reserve`? It must flag a socket; an oracle takes nothing from the reserve."""
    return policy.memalloc_socket and not policy.oracle


def spec_of(name: str, allocator: str = "", head_reserve: bool = False) -> PolicySpec:
    """The policy `name` with `allocator`, or with its own default. Raises UsageError for a name that is not known and for
    what it cannot be combined with."""
    spec = PolicySpec(name=name, allocator=allocator or POLICIES[name].allocators[0], head_reserve=head_reserve)
    policy_of(spec)
    return spec


def policy_of(spec: PolicySpec) -> Policy:
    """The policy that `spec` names. Raises UsageError as `spec_of` does, and for pools where packets have none."""
    policy = POLICIES[spec.name]
    if spec.pool_bytes and not policy.own_pools:
        possible = ", ".join(f"'{name}'" for name, other in POLICIES.items() if other.own_pools)
        raise UsageError(f"policy '{spec.name}' sets no pool aside (possible: {possible})")
    if spec.allocator not in policy.allocators:
        possible = ", ".join(f"'{name}'" for name in policy.allocators)
        raise UsageError(f"policy '{spec.name}' cannot take its packets from '{spec.allocator}' (possible: {possible})")
    if spec.era:
        if spec.era not in policy.eras:
            possible = ", ".join(f"'{era}'" for era in policy.eras) or "none: it has one form"
            raise UsageError(f"policy '{spec.name}' is not known as of '{spec.era}' (possible: {possible})")
        policy = policy.in_era(spec.era)
    policy = policy.with_allocator(spec.allocator)
    if not spec.head_reserve:
        return policy
    if not takes_head_reserve(policy):
        possible = ", ".join(f"'{name}'" for name, other in POLICIES.items() if takes_head_reserve(other))
        raise UsageError(
            f"policy '{spec.name}' cannot have head_reserve: it opens the reserve to no socket (possible: {possible})"
        )
    return policy.with_head_reserve()
