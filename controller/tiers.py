"""What can carry out a run. A tier that is not built yet is known by name, so that asking for it gets a clear answer."""

from __future__ import annotations

from nodes.errors import LackingError
from nodes.registry import Registry

TIERS: Registry[str] = Registry("tier")
"""Name -> what it needs that this version lacks; empty when it can be used."""

TIERS.register("sim", "")
TIERS.register("container", "")
TIERS.register("kernel", "it is not built yet")


def require(name: str) -> None:
    """Raises UsageError for an unknown tier, LackingError for one that this version cannot run."""
    if lack := TIERS[name]:
        usable = " or ".join(tier for tier, why in TIERS.items() if not why)
        raise LackingError(f"tier {name} cannot run: {lack}; use --tier {usable}")
