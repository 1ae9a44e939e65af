"""Who may send from the reserve: by the driver's time, by the policy, and as waiters see it."""

from __future__ import annotations

from typing import get_args

import pytest

from nodes.config import MachineConfig, Sender
from nodes.machine.events import Decision
from nodes.machine.machine import Machine
from nodes.machine.policies import POLICIES, spec_of
from nodes.machine.senders import TxFloors
from nodes.machine.watermarks import Watermarks

MARKS = Watermarks(64, 80, 96)


def test_each_time_has_its_rights() -> None:
    told = {sender: TxFloors.of(sender, MARKS) for sender in get_args(Sender)}
    assert told == {"submitter": (64, 0), "noio": (64, 64), "memalloc": (0, 0)}


def test_a_policy_has_those_of_its_time_unless_the_machine_is_of_another() -> None:
    of_their_time = {name: Machine(MachineConfig(), spec_of(name), 0).sender for name in POLICIES}
    assert of_their_time["unpatched"] == "noio"
    assert all(of_their_time[name] == "memalloc" for name in ("none", "memalloc", "mainline", "ideal"))
    before = MachineConfig(sender="submitter")
    assert Machine(before, spec_of("none"), 0).sender == "submitter"


@pytest.mark.parametrize("name", ["memalloc", "mainline", "ideal"])
def test_who_patched_the_driver_has_its_rights_in_every_machine(name: str) -> None:
    machine = Machine(MachineConfig(sender="noio"), spec_of(name), 0)
    assert machine.sender == "memalloc" and machine.block.tx_floors == (0, 0)


@pytest.mark.parametrize(
    ("sender", "sent"),
    [("submitter", [True, False]), ("noio", [False, False]), ("memalloc", [True, True])],
)
def test_at_min_a_write_or_a_read_goes_out_where_its_sender_may(sender: Sender, sent: list[bool]) -> None:
    for is_write, goes in zip((True, False), sent, strict=True):
        machine = Machine(MachineConfig(sender=sender), spec_of("none"), 0)
        pool, block = machine.pool, machine.block
        while pool.take(pool.marks.kernel_floor):
            pass
        out: list[Decision] = []
        assert block.start(0, 1, is_write, 0, out), "both spare bios are there"
        assert bool(out) is goes and len(block.unsent) == (not goes), (sender, is_write)
        needed = block.tx_pages_needed() if block.unsent else 0
        assert needed == (0 if goes else pool.marks.min_pages + (2 if is_write else 1))


def test_what_cannot_be_sent_keeps_back_what_comes_after_it() -> None:
    """One lock for the connection: a task's read without memory holds up reclaim's write, which would have the right."""
    machine = Machine(MachineConfig(sender="submitter"), spec_of("none"), 0)
    pool, block = machine.pool, machine.block
    while pool.take(pool.marks.kernel_floor):
        pass
    out: list[Decision] = []
    block.start(0, 1, False, 0, out)
    block.start(1, 1, True, 0, out)
    assert not out and [request.is_write for request in block.unsent] == [False, True]
    pool.give()
    block.send(0, out)
    assert len(out) == 2
