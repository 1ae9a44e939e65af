"""A process on the way of a machine's own pages: what it may allocate, what it loses, and which policies it makes void."""

from __future__ import annotations

import msgspec
import pytest

from nodes.config import MachineConfig
from nodes.errors import UsageError
from nodes.machine.events import Decision, WriteOut
from nodes.machine.machine import Machine
from nodes.machine.policies import spec_of
from nodes.machine.relay import COLD_NS, Relay
from nodes.machine.waits import PROCESS

SMALL = {"memory_pages": 4096, "min_free_pages": 512, "working_set_pages": 6144}


def config(role: str, *, locked: bool = True, flusher: bool = False) -> MachineConfig:
    asked = {"relay": role, "relay_locked": locked, "relay_flusher": flusher}
    return msgspec.convert(SMALL | asked, MachineConfig)


def drained(machine: Machine) -> None:
    """Takes all free pages down to min, as strangers' packets and tasks do together."""
    while machine.pool.free > machine.pool.marks.min_pages:
        assert machine.pool.take(0)


@pytest.mark.parametrize("role", ["initiator", "target"])
def test_at_min_it_sends_nothing_where_the_kernel_itself_would(role: str) -> None:
    relayed, plain = (
        Machine(config(role), spec_of("none"), 0),
        Machine(config("none", locked=False), spec_of("none"), 0),
    )
    for machine in (relayed, plain):
        drained(machine)
        out: list[Decision] = []
        machine.block.start(0, 1, True, 0, out)
        assert bool(out) is (machine is plain)
        assert not out or isinstance(out[0], WriteOut)
    assert relayed.block.unsent and not plain.block.unsent
    (wait,) = [wait for wait in relayed.waits() if wait.waiter == PROCESS]
    assert (wait.resource, wait.need, wait.have) == ("free pages", 514, 512)


def test_with_pages_above_min_it_sends() -> None:
    machine = Machine(config("initiator"), spec_of("none"), 0)
    drained(machine)
    machine.pool.give(3)  # a bio, a head, a copy
    out: list[Decision] = []
    machine.block.start(0, 1, True, 0, out)
    assert [type(decision) for decision in out] == [WriteOut]


def test_a_target_on_the_same_host_waits_for_no_packet_and_is_given_its_page_back() -> None:
    machine = Machine(config("target"), spec_of("none"), 0)
    before = machine.pool.free
    out: list[Decision] = []
    assert machine.block.start(0, 1, True, 0, out)
    assert machine.pool.free < before and not machine.block.unacked
    machine.workload.states[0], machine.workload.frames = 2, 1
    assert machine.block.complete(0, 1000) is not None
    assert machine.pool.free == before


def test_what_is_not_locked_is_out_with_the_first_page_and_missed_a_second_later() -> None:
    loose, locked = Relay(config("target", locked=False)), Relay(config("target"))
    for relay in (loose, locked):
        assert relay.carries(5 * COLD_NS), "nothing is out yet"
        relay.on_written(5 * COLD_NS)
        assert relay.carries(6 * COLD_NS - 1)
    assert not loose.carries(6 * COLD_NS) and locked.carries(60 * COLD_NS)
    assert not loose.carries(60 * COLD_NS), "nobody else can fetch it"


def test_its_own_loss_is_a_cycle_of_one() -> None:
    machine = Machine(config("target", locked=False), spec_of("none"), 0)
    assert machine.block.relay is not None
    machine.block.relay.on_written(0)
    machine.block.start(0, 1, True, 2 * COLD_NS, [])
    (wait,) = machine.cycle()
    assert (wait.waiter, wait.resource, wait.who_frees) == (PROCESS, "its own pages", PROCESS)


def test_nobody_flags_the_socket_of_a_process() -> None:
    for policy in ("mainline", "memalloc", "iface"):
        with pytest.raises(UsageError, match=f"policy {policy} flags the kernel's socket"):
            Machine(config("initiator"), spec_of(policy), 0)
        Machine(config("target"), spec_of(policy), 0)


def test_a_local_disk_is_served_by_nobody() -> None:
    assert Machine(config("target"), spec_of("local"), 0).block.relay is None


def test_one_that_has_not_said_what_it_is_writes_to_its_own_device() -> None:
    """Without a page it reclaims as any task: one more write, which it would have to carry itself."""
    plain, flusher = (Machine(config("target", flusher=said), spec_of("none"), 0) for said in (False, True))
    for machine in (plain, flusher):
        machine.poll(0)  # the application fills memory
        machine.reclaim.awake = False
        drained(machine)
        for page in list(machine.workload.resident)[:1]:
            machine.block.start(page, 1, True, 1, [])
        machine.reclaim._relay(1, [])
    assert plain.block.writes > flusher.block.writes == 1
