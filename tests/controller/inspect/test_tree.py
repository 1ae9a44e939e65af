"""Reading never fails, and remembers why it said nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from controller.inspect.collected import Collected
from controller.inspect.network import address_of
from controller.inspect.tree import Folder, Tree, Unread, is_number
from nodes.errors import UsageError


class Refusing:
    """Somebody else's files."""

    whole = True

    def content(self, path: str) -> bytes:
        raise PermissionError(path)

    def names(self, path: str) -> list[str]:
        raise PermissionError(path)

    def real(self, path: str) -> str:
        raise PermissionError(path)


def test_denied_differs_from_missing() -> None:
    tree = Tree(Refusing())
    assert (tree.text("/a"), tree.names("/b"), tree.number("/c"), tree.real("/d")) == ("", [], None, "")
    assert {(each.path, each.why) for each in tree.unread} == {("/a", "denied"), ("/b", "denied"), ("/c", "denied")}


def test_what_may_be_missing_is_told_only_where_it_is_needed(tmp_path: Path) -> None:
    tree = Tree(Folder(tmp_path))
    assert tree.text("/proc/swaps") == "" and not tree.unread
    assert tree.text("/proc/swaps", needed=True) == ""
    assert tree.unread == (Unread(path="/proc/swaps", why="missing"),)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert Tree(Folder(tmp_path)).text("/pipe") == ""


def test_a_link_out_of_the_root_is_told_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "sys" / "devices" / "usb1").mkdir(parents=True)
    (tmp_path / "sys" / "device").symlink_to("devices/usb1")
    assert Tree(Folder(tmp_path)).real("/sys/device") == "/sys/devices/usb1"


@pytest.mark.parametrize(
    ("text", "right"), [("12", True), ("²", False), ("٣", False), ("", False), ("-1", False), ("9" * 30, False)]
)
def test_numbers_are_those_of_the_kernel(text: str, right: bool) -> None:
    assert is_number(text) is right


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"), ("192.0.2.1:10809", "192.0.2.1"), ("[2001:db8::1]:3260", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1"), ("server.example", "None"), ("", "None"),
    ],
)  # fmt: skip
def test_addresses_with_and_without_a_port(text: str, address: str) -> None:
    assert str(address_of(text)) == address


def test_what_a_serial_console_says_before_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(
        b"Booting from ROM..netreserve-machine 1\r\n@file /proc/version\r\n|Linux version 6\r\n@end\r\n"
    )
    read = Collected.read(tmp_path / "x")
    assert read.whole and read.content("/proc/version") == b"Linux version 6\n"


def test_what_is_no_collected_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("README\n")
    for path, why in ((tmp_path / "x", "is not what the collector writes"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(UsageError, match=why):
            Collected.read(path)
