from __future__ import annotations

import asyncio
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import time
from multiprocessing.connection import Connection
from typing import Any

import netspaces
import pytest

from nodes.errors import HarnessError, LackingError
from nodes.kernel import wiring
from nodes.kernel.wiring import STORAGE_TAP, TAP, Wiring
from nodes.network.interfaces import Interface

_TUNSETIFF, _TAP_NO_PI = 0x400454CA, 0x1002
_IP, _ARP = 0x0800, 0x0806
_EXPERIMENT = "88b5"
"""An Ethernet type for experiments (IEEE 802): no filter looks into it."""


def show(*what: str) -> Any:
    return json.loads(subprocess.run(("ip", "-j", *what), check=True, capture_output=True, text=True).stdout)


class Cable:
    """Wiring in the left namespace, with this process where QEMU would be."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.wiring = Wiring(Interface("left", netspaces.LEFT))
        self.fd = -1

    def do(self, question: tuple[str, Any]) -> Any:
        name, argument = question
        return getattr(self, name)(argument)

    def open(self, peer: str) -> Any:
        wired = self.loop.run_until_complete(self.wiring.open(peer))
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, _TUNSETIFF, struct.pack("16sH22x", TAP.encode(), _TAP_NO_PI))
        return wired, show("address", "show", "dev", "left")

    def add_storage(self, mac: str) -> str:
        return self.loop.run_until_complete(self.wiring.add_storage(mac))

    def cut(self, cut: bool) -> bool:
        return self.loop.run_until_complete(self.wiring.cut(cut))

    def frames(self, seconds: float) -> list[tuple[str, int]]:
        """Destination and type of the IPv4 and ARP frames that come in that time, up to the first IP frame."""
        seen: list[tuple[str, int]] = []
        while select.select([self.fd], [], [], seconds)[0]:
            frame = os.read(self.fd, 2048)
            kind = int.from_bytes(frame[12:14], "big")
            if kind in (_IP, _ARP):
                seen.append((frame[:6].hex(":"), kind))
            if kind == _IP:
                break
        return seen

    def counted(self, _: Any) -> Any:
        return self.wiring.counted()

    def close(self, _: Any) -> Any:
        os.close(self.fd)
        self.loop.run_until_complete(self.wiring.close())
        return show("address", "show", "dev", "left"), [link["ifname"] for link in show("link")]


def serve(connection: Connection) -> None:
    cable = Cable()
    while (question := connection.recv()) is not None:
        connection.send(cable.do(question))


def send() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"junk", (netspaces.LEFT, 9000))


@pytest.mark.qemu
def test_the_guest_gets_the_interfaces_place_and_gives_it_back() -> None:
    with netspaces.pair() as (left, right), netspaces.Remote(left, serve) as cable:
        wired, moved = cable.ask(("open", netspaces.RIGHT))
        assert wired.address == f"{netspaces.LEFT}/24" and wired.peer_address == netspaces.RIGHT
        right_mac = netspaces.run_in(right, show, "link", "show", "dev", "right")[0]["address"]
        assert wired.peer_mac == right_mac
        assert not moved[0]["addr_info"] and moved[0]["address"] != wired.mac
        netspaces.ip("-n", right, "neighbour", "flush", "dev", "right")
        netspaces.run_in(right, send)
        assert cable.ask(("frames", 5.0)) == [(wired.mac, _IP)], (
            "the bridge answered ARP, the guest saw only the datagram"
        )
        assert cable.ask(("counted", None)).taken >= 1
        assert cable.ask(("cut", True)) is True
        netspaces.run_in(right, send)
        assert cable.ask(("frames", 0.2)) == []
        assert cable.ask(("cut", False)) is False
        netspaces.run_in(right, send)
        assert cable.ask(("frames", 5.0))[-1] == (wired.mac, _IP)
        (after,), links = cable.ask(("close", None))
        assert after["address"] == wired.mac and after["addr_info"][0]["local"] == netspaces.LEFT
        assert links == ["lo", "left"]


def other_end() -> Any:
    """The second guest's end of its cable, with nobody at it but this process."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", STORAGE_TAP.encode(), _TAP_NO_PI))
    for tap in (TAP, STORAGE_TAP):
        command = ("bridge", "-j", "link", "show", "dev", tap)
        deadline_s = time.monotonic() + 10
        while b"forwarding" not in subprocess.run(command, check=True, capture_output=True).stdout:
            assert time.monotonic() < deadline_s, f"{tap} does not forward"
    return fd


@pytest.mark.qemu
def test_the_storage_guest_hears_the_first_guest_and_nobody_else() -> None:
    def work() -> Any:
        cable = Cable()
        wired, _ = cable.open(netspaces.RIGHT)
        mac = cable.add_storage(wired.mac)
        end = other_end()
        for to in ("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:77", mac):
            os.write(cable.fd, bytes.fromhex((to + wired.mac).replace(":", "") + _EXPERIMENT) + bytes(46))
        assert select.select([end], [], [], 5.0)[0]
        heard = os.read(end, 2048)[:6].hex(":")
        assert not select.select([end], [], [], 0.1)[0], "what is for others, or for all, is not for it"
        os.close(end)
        _, links = cable.close(None)
        return wired.mac, mac, heard, links

    with netspaces.pair() as (left, _):
        first, mac, heard, links = netspaces.run_in(left, work)
    assert heard == mac and mac not in (first, wiring._other(first))
    assert links == ["lo", "left"]


@pytest.mark.qemu
def test_a_target_that_does_not_answer_is_named_and_nothing_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "ARP_S", 0.1)

    def work() -> str:
        async def wire() -> str:
            with pytest.raises(HarnessError) as refused:
                await Wiring(Interface("left", netspaces.LEFT)).open("198.18.40.77")
            return str(refused.value)

        told = asyncio.run(wire())
        assert show("address", "show", "dev", "left")[0]["addr_info"]
        return told

    with netspaces.pair() as (left, _):
        assert "198.18.40.77" in netspaces.run_in(left, work)


@pytest.mark.net_admin
def test_missing_rights_are_told_in_one_line() -> None:
    def work() -> None:
        os.setresuid(65534, 65534, 65534)
        with pytest.raises(LackingError, match="NET_ADMIN"):
            asyncio.run(wiring.batch("ip", "link add br0 type bridge"))

    with netspaces.namespace() as space:
        netspaces.run_in(space, work)


def test_the_interface_takes_another_mac_than_the_guests() -> None:
    assert wiring._other("02:42:c6:12:01:05") == "06:42:c6:12:01:05"
    assert wiring._other("06:42:c6:12:01:05") == "0a:42:c6:12:01:05"
