"""What a container's environment says: which role, where the broker is, who we are. Checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from msgspec import Struct

from nodes.agent.access import Broker, parse_broker
from nodes.errors import UsageError
from nodes.messages import Role
from nodes.registry import did_you_mean

Tier = Literal["container", "kernel"]


class Settings(Struct, frozen=True, kw_only=True):
    """The environment of an agent: NETRESERVE_ROLE, _TIER, _BROKER, _CREDENTIALS, and _NODE, which replaces the name that
    would be looked up. (NETRESERVE_DATA_SUBNET is read by `nodes.network.interfaces`, NETRESERVE_KERNELS_DIR by
    `nodes.kernel.kernels`.)"""

    role: Role
    tier: Tier
    """Of an initiator: a modelled machine among real packets, or a real kernel."""
    broker: Broker
    credentials: Path | None
    node: str


def read_settings(env: Mapping[str, str]) -> Settings:
    """The settings in `env`. Raises UsageError naming the variable that is missing or wrong."""
    credentials = env.get("NETRESERVE_CREDENTIALS")
    return Settings(
        role=_role(env.get("NETRESERVE_ROLE", "")),
        tier=_tier(env.get("NETRESERVE_TIER", "container")),
        broker=_broker(env.get("NETRESERVE_BROKER", "broker")),
        credentials=Path(credentials) if credentials else None,
        node=_node(env.get("NETRESERVE_NODE", "")),
    )


def _role(text: str) -> Role:
    for role in get_args(Role):
        if text == role:
            return role  # type: ignore[no-any-return]
    raise UsageError(f"NETRESERVE_ROLE is '{text}' ({did_you_mean(text, list(get_args(Role)))})")


def _tier(text: str) -> Tier:
    for tier in get_args(Tier):
        if text == tier:
            return tier  # type: ignore[no-any-return]
    raise UsageError(f"NETRESERVE_TIER is '{text}' ({did_you_mean(text, list(get_args(Tier)))})")


def _broker(text: str) -> Broker:
    try:
        return parse_broker(text)
    except UsageError as error:
        raise UsageError(f"NETRESERVE_BROKER: {error}") from None


def _node(text: str) -> str:
    if any(sign in text for sign in "/+#") or text != text.strip():
        raise UsageError(f"NETRESERVE_NODE is '{text}': a name without blanks around it and without / + # is needed")
    return text
