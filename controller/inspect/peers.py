"""Who serves a device: the peer's address, as each transport leaves it somewhere to be read."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence

from controller.inspect.blocks import BLOCK, End, controller_of, controllers
from controller.inspect.facts import Daemon
from controller.inspect.tree import Tree

LOCAL = ("rbd-nbd", "qemu-nbd", "nbdkit")
"""They attach a device themselves, and serve it over a socket of this machine."""
NBD_PORT = 10809
DRBD_PORTS = range(7788, 7800)
"""The ports of its manual; a resource may have others, and then its peer is not known."""
ESTABLISHED = "01"
_TRADDR = re.compile(r"traddr=([^,\s]+)")
_HOST = re.compile(r"[\w.:\[\]-]+")


def peer_of(tree: Tree, end: End, daemons: Sequence[Daemon]) -> str:
    """Its address; empty when nothing tells it."""
    find = FINDERS.get(end.transport)
    return end.address or (find(tree, end.device, daemons) if find else "")


def _nvme(tree: Tree, device: str, _: Sequence[Daemon]) -> str:
    way = tree.real(f"{BLOCK}/{device}")
    places = [f"{BLOCK}/{device}/device/address"]
    places += [f"/sys/class/nvme/{each}/address" for each in controllers(tree, controller_of(device, way), device)]
    return next((found[1] for place in places if (found := _TRADDR.search(tree.word(place)))), "")


def _iscsi(tree: Tree, device: str, _: Sequence[Daemon]) -> str:
    session = re.search(r"/session(\d+)", tree.real(f"{BLOCK}/{device}"))
    for name in tree.names("/sys/class/iscsi_connection"):
        if session and name.startswith(f"connection{session[1]}:"):
            place = f"/sys/class/iscsi_connection/{name}"
            return tree.word(f"{place}/persistent_address") or tree.word(f"{place}/address")
    return ""


def _nbd(tree: Tree, device: str, daemons: Sequence[Daemon]) -> str:
    """From whoever attached it, /etc/nbdtab, the kernel's command line, or the one connection to NBD's port."""
    attached = tree.word(f"{BLOCK}/{device}/pid")
    for daemon in daemons:
        words = daemon.command.split()
        if str(daemon.pid) == attached and daemon.name.startswith(LOCAL):
            return "unix"
        if daemon.name.startswith("nbd-client") and any(word.rpartition("/")[2] == device for word in words):
            if "-unix" in words or "-u" in words:
                return "unix"
            hosts = [word for word in words[1:] if not word.startswith(("-", "/dev/")) and _HOST.fullmatch(word)]
            return hosts[0] if hosts else ""
        if daemon.name.startswith(("qemu-nbd", "nbdkit")) and device in daemon.command:
            return "unix"
    for row in tree.rows("/etc/nbdtab"):
        if len(row) >= 2 and row[0] == device:
            return row[1]
    root = re.search(r"\bnbdroot=([^:,\s]+)", tree.text("/proc/cmdline"))
    return root[1] if root else _connected_to(tree, NBD_PORT)


def _connected_to(tree: Tree, port: int) -> str:
    rows = [*tree.rows("/proc/net/tcp"), *tree.rows("/proc/net/tcp6")]
    found = {row[2].partition(":")[0] for row in rows if _goes_to(row, port)}
    return _address(found.pop()) if len(found) == 1 else ""


def _address(number: str) -> str:
    """Words of four bytes, each as a little-endian machine prints it; IPv4 stands in IPv6 behind ::ffff."""
    words = [bytes.fromhex(number[at : at + 8])[::-1] for at in range(0, len(number), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _goes_to(row: Sequence[str], port: int) -> bool:
    return (
        len(row) > 3
        and bool(re.fullmatch(rf"(?:[0-9A-F]{{8}}|[0-9A-F]{{32}}):{port:04X}", row[2]))
        and row[3] == ESTABLISHED
    )


def _drbd(tree: Tree, _: str, __: Sequence[Daemon]) -> str:
    return next((peer for port in DRBD_PORTS if (peer := _connected_to(tree, port))), "")


def _rbd(tree: Tree, _: str, __: Sequence[Daemon]) -> str:
    """The first monitor: its network is usually that of the OSDs."""
    found = re.search(r"mon[_ ]host\s*=\s*\[?(?:v\d:)?([^,\s\]]+)", tree.text("/etc/ceph/ceph.conf"))
    return found[1].partition("/")[0] if found else ""


FINDERS: dict[str, Callable[[Tree, str, Sequence[Daemon]], str]] = {
    "nvme-tcp": _nvme,
    "nvme-rdma": _nvme,
    "iscsi": _iscsi,
    "nbd": _nbd,
    "drbd": _drbd,
    "rbd": _rbd,
    "ceph": _rbd,
}
