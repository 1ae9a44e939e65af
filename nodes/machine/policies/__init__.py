"""Reserve policies by name. Registration is explicit: adding one is a file here, a line in this table, a page in docs."""

from __future__ import annotations

from nodes.machine.policies.base import Policy
from nodes.machine.policies.local import LocalPolicy
from nodes.machine.policies.mainline import MainlinePolicy
from nodes.machine.policies.memalloc import MemallocPolicy
from nodes.machine.policies.none import NonePolicy
from nodes.registry import Registry

POLICIES: Registry[Policy] = Registry("policy")
for _policy in (NonePolicy(), LocalPolicy(), MemallocPolicy(), MainlinePolicy()):
    POLICIES.register(_policy.name, _policy)
