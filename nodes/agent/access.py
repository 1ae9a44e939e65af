"""Where the broker is and who we are: what an address and a credentials file say, checked before anything connects."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from nodes.errors import LackingError, UsageError

PORT_DEFAULT = 1883
"""MQTT's registered port."""


class Broker(Struct, frozen=True):
    """A broker's address. `str(broker)` is `host:port`."""

    host: str
    port: int = PORT_DEFAULT

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Credentials(Struct, frozen=True, kw_only=True):
    """A role's account at the broker; `source` is the file it came from, for messages."""

    username: str
    password: str
    source: str = ""


def parse_broker(text: str) -> Broker:
    """`host` or `host:port`. Raises UsageError."""
    host, colon, port = text.strip().partition(":")
    if not host or (colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise UsageError(
            f"'{text}' is not a broker address: host:port is needed, for example '127.0.0.1:{PORT_DEFAULT}'"
        )
    return Broker(host, int(port or PORT_DEFAULT))


def read_credentials(path: Path) -> Credentials:
    """The `{"username": ..., "password": ...}` in `path`. Raises LackingError when that cannot be read."""
    try:
        account = msgspec.json.decode(path.read_bytes(), type=Credentials)
    except OSError as error:
        hint = "is the testbed up? run `netreserve up`"
        raise LackingError(f"no credentials for the broker in {path}: {error.strerror} ({hint})") from None
    except ValueError:
        raise LackingError(f'{path} holds no credentials: {{"username": "...", "password": "..."}} is needed') from None
    return msgspec.structs.replace(account, source=str(path))
