"""The live machine's rings are asked of its drivers; who has none says so as a missing file."""

from __future__ import annotations

import os

import pytest

from controller.inspect.live import OFFLOADS, PAGE_KIB, RINGS, Live, rx_slots
from controller.inspect.network import read_cards
from controller.inspect.tree import Tree


def test_an_interface_without_a_ring_has_none() -> None:
    for name in ("lo", "no-such-card"):
        with pytest.raises(OSError):
            rx_slots(name)
        assert Tree(Live()).text(f"{RINGS}{name}") == ""


def test_files_are_those_of_the_machine() -> None:
    assert Live().content("/proc/version").startswith(b"Linux version ")


def test_loopback_says_of_its_offloads_what_it_always_has() -> None:
    """drivers/net/loopback.c: checksums are taken for granted, and it segments nothing."""
    said = Live().content(f"{OFFLOADS}lo").decode().splitlines()
    assert {"rx-checksumming: on", "tcp-segmentation-offload: on", "large-receive-offload: off"} <= set(said)
    with pytest.raises(OSError):
        Live().content(f"{OFFLOADS}no-such-card")


def test_the_size_of_a_page_is_that_of_this_machine() -> None:
    assert Live().content(PAGE_KIB) == f"{os.sysconf('SC_PAGE_SIZE') >> 10}\n".encode()


def test_what_a_driver_says_of_its_ring_is_a_size() -> None:
    """Of every card that this machine has; a driver may decline."""
    for card in read_cards(Tree(Live())):
        assert card.ring_slots is None or card.ring_slots > 0
