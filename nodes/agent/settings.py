"""What a container's environment says: which role, where the broker is, who we are. Checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from nodes.errors import LackingError, UsageError
from nodes.messages import Role
from nodes.registry import did_you_mean

Tier = Literal["container", "kernel"]
BROKER_PORT = 1883
"""MQTT's registered port."""


class Credentials(Struct, frozen=True):
    """A role's account at the broker."""

    username: str
    password: str


class Settings(Struct, frozen=True, kw_only=True):
    """The environment of an agent: NETRESERVE_ROLE, _TIER, _BROKER, _CREDENTIALS, and _NODE, which replaces the name that
    would be looked up. (NETRESERVE_DATA_SUBNET is read by `nodes.network.interfaces`, NETRESERVE_KERNELS_DIR by
    `nodes.kernel.kernels`.)"""

    role: Role
    tier: Tier
    """Of an initiator: a modelled machine among real packets, or a real kernel."""
    host: str
    port: int
    credentials: Path | None
    node: str


def read_settings(env: Mapping[str, str]) -> Settings:
    """The settings in `env`. Raises UsageError naming the variable that is missing or wrong."""
    host, port = _address(env.get("NETRESERVE_BROKER", "broker"))
    credentials = env.get("NETRESERVE_CREDENTIALS")
    return Settings(
        role=_role(env.get("NETRESERVE_ROLE", "")),
        tier=_tier(env.get("NETRESERVE_TIER", "container")),
        host=host,
        port=port,
        credentials=Path(credentials) if credentials else None,
        node=_node(env.get("NETRESERVE_NODE", "")),
    )


def read_credentials(path: Path) -> Credentials:
    """The account in `path`, JSON `{"username": ..., "password": ...}`. Raises LackingError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except OSError as error:
        raise LackingError(f"NETRESERVE_CREDENTIALS: {path}: {error.strerror}") from None
    except ValueError as error:
        raise LackingError(f"NETRESERVE_CREDENTIALS: {path}: no username and password in it: {error}") from None


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


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":") if ":" in text else (text, "", str(BROKER_PORT))
    if not host or not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise UsageError(f"NETRESERVE_BROKER is '{text}': host:port is needed, for example 'broker:{BROKER_PORT}'")
    return host, int(port)


def _node(text: str) -> str:
    if any(sign in text for sign in "/+#") or text != text.strip():
        raise UsageError(f"NETRESERVE_NODE is '{text}': a name without blanks around it and without / + # is needed")
    return text
