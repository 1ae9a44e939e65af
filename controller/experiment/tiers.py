"""What can carry out a run, by name."""

from __future__ import annotations

from nodes.registry import Registry

TIERS: Registry[str] = Registry("tier")
"""Name -> what a run needs there."""

TIERS.register("sim", "Python alone")
TIERS.register("container", "Docker")
TIERS.register("kernel", "Docker, /dev/net/tun")


def require(name: str) -> None:
    """Raises UsageError for an unknown tier."""
    TIERS[name]
