"""Which interface is the data network's, and what this node is called.

The order of eth0 and eth1 in a container with two networks is not reliable, so the interface is found by its subnet.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import struct
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import NamedTuple

from nodes.errors import LackingError, UsageError

SUBNET_VARIABLE = "NETRESERVE_DATA_SUBNET"
SUBNET_DEFAULT = "198.18.1.0/24"
"""The data network of compose/compose.yaml, inside the benchmarking range (RFC 2544)."""
RESOLVER = Path("/etc/resolv.conf")

_SIOCGIFADDR = 0x8915
_PTR, _IN = 12, 1
_ANSWER_S = 2.0
"""How long the resolver may take, seconds: Docker's answers in less than a millisecond (own)."""


class Interface(NamedTuple):
    """A network interface and its (first) address."""

    name: str
    address: str


def data_subnet(environment: Mapping[str, str] = os.environ) -> IPv4Network:
    """The data network's subnet, from NETRESERVE_DATA_SUBNET. Raises UsageError when that is not a subnet."""
    text = environment.get(SUBNET_VARIABLE, SUBNET_DEFAULT)
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise UsageError(
            f"{SUBNET_VARIABLE} is not a subnet: {error} (right is, for example, {SUBNET_DEFAULT})"
        ) from None


def interfaces() -> list[Interface]:
    """All interfaces that have an IPv4 address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        named = ((name, _address(sock, name)) for _, name in socket.if_nameindex())
        return [Interface(name, address) for name, address in named if address]


def interface_in(subnet: IPv4Network) -> Interface:
    """The interface with an address in `subnet`. Raises LackingError that lists what is there."""
    present = interfaces()
    for interface in present:
        if IPv4Address(interface.address) in subnet:
            return interface
    here = ", ".join(f"{name} {address}" for name, address in present) or "none"
    raise LackingError(f"no interface has an address in {subnet} (here: {here}); {SUBNET_VARIABLE} names the subnet")


def node_name(reverse: str, host: str) -> str:
    """The node's name from `reverse`, what the resolver calls its address: under Docker compose
    `netreserve-initiator-1.netreserve_data` is `initiator-1`. `host` where there is no such name.

    Docker appends the network, `<project>_<network>`, so the project's name need not be known.
    """
    name, _, network = reverse.rstrip(".").partition(".")
    project = network.rpartition("_")[0]
    return name.removeprefix(f"{project}-") or host


def own_name(address: str) -> str:
    """This node's name by the reverse name of `address`, else the host name."""
    return node_name(reverse_name(address), socket.gethostname())


def reverse_name(address: str) -> str:
    """What the first name server in /etc/resolv.conf calls `address`; empty when it does not answer or knows none.

    Asked directly: the C library would look into /etc/hosts first, where Docker has put the container's id.
    """
    query = _reverse_query(address, secrets.randbits(16))
    try:
        server = next(line.split()[1] for line in RESOLVER.read_text().splitlines() if line.startswith("nameserver "))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_ANSWER_S)
            sock.connect((server, 53))
            sock.send(query)
            return _first_name(sock.recv(4096), query)
    except (OSError, StopIteration):
        return ""


def _address(sock: socket.socket, name: str) -> str:
    try:
        answer = fcntl.ioctl(sock, _SIOCGIFADDR, struct.pack("256s", name.encode()))
    except OSError:  # no IPv4 address on it
        return ""
    return socket.inet_ntoa(answer[20:24])


def _reverse_query(address: str, number: int) -> bytes:
    labels = IPv4Address(address).reverse_pointer.encode().split(b".")
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + name + struct.pack(">2H", _PTR, _IN)


def _first_name(answer: bytes, query: bytes) -> str:
    """The name in the first record of `answer` to `query`; empty when it is no such answer (RFC 1035, section 4.1)."""
    try:
        if answer[:2] != query[:2] or not struct.unpack_from(">H", answer, 6)[0]:
            return ""
        _, at = _name(answer, len(query))  # the owner: Docker spells it out, others point to the question
        kind = struct.unpack_from(">H", answer, at)[0]
        return _name(answer, at + 10)[0] if kind == _PTR else ""
    except (IndexError, struct.error):  # cut short
        return ""


def _name(message: bytes, at: int) -> tuple[str, int]:
    """The name at `at`, and where what follows it begins. Raises IndexError or struct.error past the end."""
    labels: list[str] = []
    end = 0
    for _ in range(128):  # bounds a message whose pointers go in a circle
        if not (length := message[at]):
            break
        if length >= 0xC0:
            end, at = end or at + 2, struct.unpack_from(">H", message, at)[0] & 0x3FFF
            continue
        labels.append(message[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    return ".".join(labels), end or at + 1
