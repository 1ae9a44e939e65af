"""The guest's cable inside the container: a bridge of the data interface and a tap, and the cable's pulling.

While it is wired, the guest has the container's data address and the MAC that the network knows for it; the container
keeps its control address only. The bridge answers ARP for the guest (its own IP code never sees such a request), so that
no neighbour entry of a peer expires into a guest that hangs: that would be a second cause.
"""

from __future__ import annotations

import asyncio
import json
import socket
from asyncio.subprocess import PIPE
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from msgspec import Struct

from nodes.errors import HarnessError, LackingError
from nodes.network.interfaces import Interface

BRIDGE, TAP, STORAGE_TAP = "br0", "tap0", "tap1"
ARP_S = 3.0
"""A peer of the same network answers ARP within a millisecond; the kernel asks three times, once a second."""
DISABLED, FORWARDING = 0, 3
"""States of a bridge port (include/uapi/linux/if_bridge.h)."""
_POLL_S = 0.02
_DISCARD_PORT = 9
"""RFC 863: a datagram there makes the kernel ask for the peer's MAC, and does nothing else."""


class Wired(Struct, frozen=True, kw_only=True):
    """What the guest has to know of its network."""

    address: str
    """`198.18.1.5/24`."""
    mac: str
    peer_address: str = ""
    peer_mac: str = ""
    storage_mac: str = ""
    """Of the storage guest on the same bridge, if there is one."""


class Counted(Struct, frozen=True, kw_only=True):
    """Packets that came to the guest's end of the cable: those that QEMU took, and those for which it had no room."""

    taken: int = 0
    lost: int = 0


class Wiring:
    """The cable of one data interface, from `open` to `close`, which may be opened again."""

    def __init__(self, data: Interface) -> None:
        self._data = data
        self._restore: list[str] = []

    async def open(self, peer: str = "") -> Wired:
        """Gives the interface's address away; `peer` (an address or a name) is the storage target. Raises HarnessError when
        the peer does not answer ARP, LackingError when the right or the kernel's part is missing."""
        name = self._data.name
        told = json.loads(await run("ip", "-j", "address", "show", "dev", name))[0]
        prefix = next(a["prefixlen"] for a in told["addr_info"] if a.get("local") == self._data.address)
        address, mac = f"{self._data.address}/{prefix}", told["address"]
        peer_address, peer_mac = await self._find(peer) if peer else ("", "")
        self._restore = [
            f"link delete {TAP}",
            f"link delete {BRIDGE}",
            f"link set {name} address {mac}",
            f"address add {address} dev {name}",
        ]
        await batch(
            "ip",
            f"link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            f"tuntap add {TAP} mode tap",
            f"link set {BRIDGE} addrgenmode none",
            f"link set {TAP} addrgenmode none",
            f"address flush dev {name}",
            f"link set {name} address {_other(mac)}",
            f"link set {name} master {BRIDGE}",
            f"link set {TAP} master {BRIDGE}",
            f"link set {TAP} up",
            f"link set {BRIDGE} up",
            f"neighbour replace {self._data.address} lladdr {mac} dev {BRIDGE} nud permanent",
        )
        await batch(
            "bridge",
            f"link set dev {TAP} neigh_suppress on learning off",
            f"fdb replace {mac} dev {TAP} master static",
        )
        return Wired(address=address, mac=mac, peer_address=peer_address, peer_mac=peer_mac)

    async def add_storage(self, mac: str) -> str:
        """The cable of a second guest on the same bridge: answers the MAC that it is to have. `mac` is the first guest's."""
        own = _other(_other(mac))
        self._restore = [f"link delete {STORAGE_TAP}", *self._restore]
        await batch(
            "ip",
            f"tuntap add {STORAGE_TAP} mode tap",
            f"link set {STORAGE_TAP} addrgenmode none",
            f"link set {STORAGE_TAP} master {BRIDGE}",
            f"link set {STORAGE_TAP} up",
        )
        await batch(
            "bridge",
            f"link set dev {STORAGE_TAP} learning off flood off mcast_flood off bcast_flood off",
            f"fdb replace {own} dev {STORAGE_TAP} master static",
        )
        return own

    async def cut(self, cut: bool) -> bool:
        """Pulls the cable or plugs it in; answers whether it is pulled, as read back."""
        await batch("bridge", f"link set dev {TAP} state {DISABLED if cut else FORWARDING}")
        ports = json.loads(await run("bridge", "-j", "link", "show", "dev", TAP))
        return bool(ports[0]["state"] == "disabled")

    def counted(self) -> Counted:
        """So far; zeros where there is no tap."""
        for line in Path("/proc/net/dev").read_text().splitlines():
            name, _, figures = line.partition(":")
            if name.strip() == TAP:
                sent = figures.split()[8:]
                return Counted(taken=int(sent[1]), lost=int(sent[3]))
        return Counted()

    async def close(self) -> None:
        """The container has its address again; without `open` before, nothing happens."""
        if self._restore:
            restore, self._restore = self._restore, []
            await batch("ip", *restore, go_on=True)

    async def _find(self, peer: str) -> tuple[str, str]:
        """Address and MAC of `peer`, from this container's own neighbour table while it still has an address."""
        try:
            address = (await asyncio.get_running_loop().getaddrinfo(peer, None, family=socket.AF_INET))[0][4][0]
        except OSError:
            raise HarnessError(f"the storage target '{peer}' has no address") from None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", (str(IPv4Address(address)), _DISCARD_PORT))
        deadline_s = asyncio.get_running_loop().time() + ARP_S
        while asyncio.get_running_loop().time() < deadline_s:
            table = await run("ip", "-j", "neighbour", "show", "to", str(address), "dev", self._data.name)
            if mac := _mac(table):
                return str(address), mac
            await asyncio.sleep(_POLL_S)
        raise HarnessError(f"the storage target {peer} ({address}) does not answer on the data network")


async def run(program: str, *arguments: str, stdin: str = "") -> str:
    """The output of `program`. Raises LackingError with its last words when it fails."""
    try:
        process = await asyncio.create_subprocess_exec(program, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    except FileNotFoundError:
        raise LackingError(f"the program {program} is missing: install the package iproute2") from None
    out, err = await process.communicate(stdin.encode())
    if process.returncode:
        said = " ".join(err.decode(errors="replace").split())
        if "not permitted" in said:
            raise LackingError("the guest's cable is not permitted: this process needs the capability NET_ADMIN")
        raise LackingError(f"{program} failed: {said}")
    return out.decode()


async def batch(program: str, *commands: str, go_on: bool = False) -> None:
    """`commands` of ip or bridge in one process; raises as `run` does at the first that fails, or goes on."""
    try:
        await run(program, *(["-force"] if go_on else []), "-batch", "-", stdin="\n".join(commands) + "\n")
    except LackingError:
        if not go_on:
            raise


def _mac(table: str) -> str:
    entries: list[dict[str, Any]] = json.loads(table or "[]")
    return next((str(entry["lladdr"]) for entry in entries if "lladdr" in entry and "FAILED" not in entry["state"]), "")


def _other(mac: str) -> str:
    """A locally administered MAC beside `mac`: the interface's own while the guest has `mac`. That of its own is a third."""
    first = {"06": "0a", "0a": "0e"}.get(mac[:2], "06")
    return first + mac[2:]
