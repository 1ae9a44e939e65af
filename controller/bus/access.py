"""Where the broker is and who we are: what an address and a credentials file say, checked before anything connects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from nodes.errors import LackingError, UsageError

BROKER_DEFAULT = "127.0.0.1:1883"
PORT_DEFAULT = 1883
"""MQTT's registered port."""


class Broker(Struct, frozen=True):
    """A broker's address. `str(broker)` is `host:port`."""

    host: str
    port: int = PORT_DEFAULT

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Credentials(Struct, frozen=True, kw_only=True):
    """A role's name and password; `source` is the file they came from, for messages."""

    username: str
    password: str
    source: str = ""


def health_address(broker: Broker) -> str:
    """Where the controller at `broker` answers its health check (nodes/agent/health.py): there is one at each broker."""
    return f"\0netreserve-controller/{broker}"


def broker_of(environ: Mapping[str, str]) -> Broker:
    """NETRESERVE_BROKER, else one on this machine. Raises UsageError."""
    return parse_broker(environ.get("NETRESERVE_BROKER", BROKER_DEFAULT))


def parse_broker(text: str) -> Broker:
    """`host` or `host:port`. Raises UsageError."""
    host, _, port = text.strip().partition(":")
    if not host or (port and not (port.isdigit() and 0 < int(port) < 65536)):
        raise UsageError(f"'{text}' is no broker address: host:port is needed, for example '127.0.0.1:{PORT_DEFAULT}'")
    return Broker(host, int(port or PORT_DEFAULT))


def load_credentials(path: Path) -> Credentials:
    """The `{"username": ..., "password": ...}` in `path`. Raises LackingError when that cannot be read."""
    try:
        found = json.loads(path.read_text())
        return Credentials(username=found["username"], password=found["password"], source=str(path))
    except OSError as error:
        hint = "is the testbed up? run `netreserve up`"
        raise LackingError(f"no credentials for the broker in {path}: {error.strerror} ({hint})") from None
    except (ValueError, KeyError, TypeError):
        raise LackingError(f'{path} holds no credentials: {{"username": "...", "password": "..."}} is needed') from None
