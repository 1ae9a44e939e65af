"""Where junk may go: to addresses of the benchmarking range and loopback, and nowhere else."""

from __future__ import annotations

import socket
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from nodes.errors import UsageError

ALLOWED = (IPv4Network("198.18.0.0/15"), IPv4Network("127.0.0.0/8"))
"""RFC 2544's range, which belongs to nobody's network, and this machine itself."""


def require_ours(names: tuple[str, ...]) -> None:
    """Refuses what can be known to be somebody else's without asking anybody: an address outside `ALLOWED`, and a name with
    a dot, which no container has. Raises UsageError. Who sends asks for the addresses of the other names (`resolve`)."""
    for name in names:
        try:
            _require_allowed(IPv4Address(name))
        except AddressValueError:
            if "." in name or ":" in name:
                raise UsageError(
                    f"targets: '{name}' is refused: junk goes to 198.18.0.0/15 and loopback only"
                ) from None


def resolve(names: tuple[str, ...]) -> tuple[str, ...]:
    """All IPv4 addresses of `names`, each once, sorted. Raises UsageError for a name without an address, and when any
    address lies outside `ALLOWED`: then nothing is to be sent at all."""
    found = {address for name in names for address in _addresses(name)}
    for address in found:
        _require_allowed(address)
    return tuple(str(address) for address in sorted(found))


def _require_allowed(address: IPv4Address) -> None:
    if not any(address in network for network in ALLOWED):
        raise UsageError(f"targets: {address} is refused: junk goes to 198.18.0.0/15 and loopback only")


def _addresses(name: str) -> set[IPv4Address]:
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        raise UsageError(f"targets: '{name}' has no address here: is an initiator running?") from None
    return {IPv4Address(sockaddr[0]) for *_, sockaddr in found}
