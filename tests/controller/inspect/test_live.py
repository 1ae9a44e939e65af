"""The live machine's rings are asked of its drivers; who has none says so as a missing file."""

from __future__ import annotations

import pytest

from controller.inspect.live import RINGS, Live, rx_slots
from controller.inspect.network import read_cards
from controller.inspect.tree import Tree


def test_an_interface_without_a_ring_has_none() -> None:
    for name in ("lo", "no-such-card"):
        with pytest.raises(OSError):
            rx_slots(name)
        assert Tree(Live()).text(f"{RINGS}{name}") == ""


def test_files_are_those_of_the_machine() -> None:
    assert Live().content("/proc/version").startswith(b"Linux version ")


def test_what_a_driver_says_of_its_ring_is_a_size() -> None:
    """Of every card that this machine has; a driver may decline."""
    for card in read_cards(Tree(Live())):
        assert card.ring_slots is None or card.ring_slots > 0
