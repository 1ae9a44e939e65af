"""Cards as parts of a machine: a second one for storage, and memory that is had whole or not at all."""

from __future__ import annotations

import pytest

from nodes.config import MachineConfig
from nodes.errors import UsageError
from nodes.machine.checks import check
from nodes.machine.events import BLOCK_SOCKET, Verdict
from nodes.machine.machine import Machine
from nodes.machine.nic import INTEL_WATCHDOG_NS, NICS
from nodes.machine.policies import spec_of
from nodes.machine.workload import PageState

JUNK_BYTES, ACK_BYTES = 1428, 66


def starved(nic: str, storage_nic: str, policy: str = "none") -> tuple[Machine, int]:
    """At 3/8 of min, with a read under way."""
    patient = Machine(MachineConfig(memory_pages=4096, nic=nic, storage_nic=storage_nic), spec_of(policy), 0)
    junk = patient.open_socket(1 << 24)
    patient.block.start(0, 0, False, 0, [])
    patient.workload.states[0] = PageState.READING
    patient.workload.frames += patient.pool.take(0)
    while patient.pool.free > patient.pool.marks.atomic_floor:
        patient.pool.take(0)
        patient.block.kernel.pages += 1
    return patient, junk


def test_junk_that_empties_its_own_card_leaves_storages_alone() -> None:
    shared, junk = starved("e1000e", "")
    while shared.receive(junk, JUNK_BYTES, 1, 0):
        pass
    assert shared.receive(BLOCK_SOCKET, ACK_BYTES, 1, 0) is Verdict.DROP
    own, junk = starved("e1000e", "e1000e")
    while own.receive(junk, JUNK_BYTES, 1, 0):
        pass
    assert own.receive(BLOCK_SOCKET, ACK_BYTES, 1, 0) is Verdict.ACCEPT
    check(own)


def test_figures_are_of_both_cards_and_the_graph_names_the_one_that_waits() -> None:
    patient, junk = starved("e1000e", "e1000e")
    assert patient.stats(0).ring_free_slots == 512
    while patient.receive(junk, JUNK_BYTES, 1, 0):
        pass
    assert patient.waits() == (), "the storage card has its buffers"
    patient.storage.ring.clear()
    assert patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, 0) is Verdict.DROP
    stats = patient.stats(0)
    assert (stats.no_buffer_drops, stats.block_drops) == (2, 1)
    assert [edge.waiter for edge in patient.waits()][:2] == ["storage reply", "ring refill of the storage card"]


def test_each_card_has_its_own_timers() -> None:
    patient, junk = starved("e1000e", "e1000e")
    while patient.receive(junk, JUNK_BYTES, 1, 5):
        pass
    assert patient.next_deadline_ns() is not None
    patient.pool.give(patient.block.kernel.pages - 1)
    patient.block.kernel.pages = 1
    patient.storage.ring.clear()
    patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, 9)
    patient.poll(5 + INTEL_WATCHDOG_NS)
    assert patient.receiver.free_slots() == 256 and patient.storage.free_slots() == 0
    patient.poll(9 + INTEL_WATCHDOG_NS)
    assert patient.storage.free_slots() == 256


def test_both_rings_must_fit_into_memory() -> None:
    assert Machine(MachineConfig(memory_pages=200, min_free_pages=8), spec_of("none"), 0)
    with pytest.raises(UsageError, match="memory of 200 pages does not even hold the e1000 receive ring"):
        Machine(MachineConfig(memory_pages=200, min_free_pages=8, storage_nic="e1000"), spec_of("none"), 0)
    with pytest.raises(UsageError, match="did you mean 'e1000"):
        Machine(MachineConfig(storage_nic="e1000f"), spec_of("none"), 0)


@pytest.mark.parametrize("nic", list(NICS))
def test_packets_are_had_whole_or_not_at_all(nic: str) -> None:
    """GSO: of a packet of three segments none is kept when there is memory for two."""
    patient, junk = starved(nic, "")
    for _ in range(2000):
        before = patient.allocator.stats().objects
        taken = patient.receive(junk, 3 * JUNK_BYTES, 3, 0)
        check(patient)
        if not taken and patient.receiver.missing() != "queue":
            assert patient.allocator.stats().objects == before
            return
    raise AssertionError("memory never ended")
