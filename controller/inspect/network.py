"""Cards, and which of them leads to a peer: by the routing tables, through bond, bridge and VLAN."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from controller.inspect.facts import Card
from controller.inspect.tree import Tree, is_number

NET = "/sys/class/net"
DEPTH_MAX = 8
"""Interfaces on top of one another; only a loop of links has more (own)."""
OFFLOADS = {
    "rx-checksumming": "rx checksum", "tcp-segmentation-offload": "tso", "generic-receive-offload": "gro",
    "large-receive-offload": "lro", "rx-gro-hw": "hardware gro",
}  # fmt: skip
"""As `ethtool -k` names them, and as we do."""
SPLIT = "header split"
_OFFLOAD = re.compile(r"^([\w-]+): (on|off)\b", re.MULTILINE)
_SPLIT = re.compile(r"^TCP data split:\s+(on|off)\b", re.MULTILINE)
_RING = re.compile(r"^RX:\s+(\d{1,6})", re.MULTILINE | re.ASCII)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def read_cards(tree: Tree) -> tuple[Card, ...]:
    """All interfaces that have hardware under them, a virtual machine's included."""
    return tuple(_card(tree, name) for name in tree.names(NET) if tree.real(f"{NET}/{name}/device"))


class Routes:
    """Which cards lead where, and which addresses are our own."""

    def __init__(self, tree: Tree, cards: tuple[Card, ...]) -> None:
        self._tree = tree
        self._cards = {card.name: card for card in cards}
        self._routes = [*_routes4(tree), *_routes6(tree)]
        self._own = {*_own4(tree), *_own6(tree)}

    def is_own(self, peer: str) -> bool | None:
        """Whether `peer` is this machine; None when that is not known."""
        address = address_of(peer)
        if address is None:
            return True if peer in ("localhost", "unix") else None
        if address.is_loopback or address in self._own:
            return True
        return False if self._own else None

    def to(self, peer: str) -> tuple[Card, ...]:
        """The cards that lead to `peer`; with a single card in the machine it is that one."""
        address = address_of(peer)
        leading = [route for route in self._routes if address is not None and address in route[0]]
        best = max(leading, key=lambda route: (route[0].prefixlen, -route[2]), default=None)
        found = tuple({card.name: card for card in self._below(best[1], 0)}.values()) if best else ()
        return found or (tuple(self._cards.values()) if len(self._cards) == 1 else ())

    def _below(self, name: str, depth: int) -> Iterator[Card]:
        lower = [each[6:] for each in self._tree.names(f"{NET}/{name}") if each.startswith("lower_")]
        # a port of a switch has no ring: its packets are received by the card that the switch hangs on (net/dsa)
        port = any("dsa" in self._tree.names(f"{NET}/{each}") for each in lower)
        if name in self._cards and not port:
            yield self._cards[name]
        elif depth < DEPTH_MAX:
            for each in lower or self._tree.names(f"{NET}/{name}/brif"):
                yield from self._below(each, depth + 1)


def address_of(text: str) -> Address | None:
    """The address in `text`, with or without a port."""
    bare = text.strip().strip("[]")
    for candidate in (bare, text.partition("]")[0].lstrip("["), bare.rpartition(":")[0]):
        try:
            return ipaddress.ip_address(candidate.partition("%")[0])
        except ValueError:
            continue
    return None


def _card(tree: Tree, name: str) -> Card:
    place = f"{NET}/{name}"
    queues = sum(each.startswith("rx-") for each in tree.names(f"{place}/queues"))
    rings = tree.text(f"/netreserve/rings/{name}")
    ring = _RING.findall(rings)
    speed = tree.word(f"{place}/speed")  # -1 or an error where there is no cable
    return Card(
        name=name,
        driver=tree.real(f"{place}/device/driver").rpartition("/")[2],
        usb="/usb" in tree.real(f"{place}/device"),
        mtu=tree.number(f"{place}/mtu"),
        speed_mbit=int(speed) if is_number(speed) and int(speed) > 0 else None,
        queues=queues or None,
        ring_slots=int(ring[-1]) if ring else None,
        offloads=_offloads(tree.text(f"/netreserve/offloads/{name}"), rings),
    )


def _offloads(features: str, rings: str) -> dict[str, bool]:
    found = {OFFLOADS[word]: state == "on" for word, state in _OFFLOAD.findall(features) if word in OFFLOADS}
    split = _SPLIT.search(rings)
    return found | ({SPLIT: split[1] == "on"} if split else {})


Route = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str, int]
"""To where, through which interface, at what cost."""


def _routes4(tree: Tree) -> Iterator[Route]:
    """Addresses stand there as a little-endian machine prints them."""
    for row in tree.rows("/proc/net/route")[1:]:
        try:
            to, mask = (int.from_bytes(bytes.fromhex(row[column]), "little") for column in (1, 7))
            yield ipaddress.IPv4Network((to, mask.bit_count()), strict=False), row[0], int(row[6])
        except (ValueError, IndexError):
            tree.blame("/proc/net/route", "garbled")


def _routes6(tree: Tree) -> Iterator[Route]:
    for row in tree.rows("/proc/net/ipv6_route"):
        try:
            yield ipaddress.IPv6Network((bytes.fromhex(row[0]), int(row[1], 16)), strict=False), row[9], int(row[5], 16)
        except (ValueError, IndexError):
            tree.blame("/proc/net/ipv6_route", "garbled")


def _own4(tree: Tree) -> Iterator[Address]:
    last = None
    for row in tree.rows("/proc/net/fib_trie"):
        if row[0] == "|--" and len(row) == 2:
            last = address_of(row[1])
        elif row == ["/32", "host", "LOCAL"] and last is not None:
            yield last


def _own6(tree: Tree) -> Iterator[Address]:
    for row in tree.rows("/proc/net/if_inet6"):
        try:
            yield ipaddress.IPv6Address(bytes.fromhex(row[0]))
        except ValueError:
            tree.blame("/proc/net/if_inet6", "garbled")
