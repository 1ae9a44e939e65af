"""A recorder passes everything on, writes it down, and changes nothing."""

from __future__ import annotations

import pickle

import pytest
from alloctraces import JUNK_MIX

from controller.experiment.scenario import parse
from controller.simulated.simulate import Simulation
from nodes.config import MachineConfig, PolicySpec
from nodes.machine.allocators.recording import DataTaken, HeadTaken, Recorder, Released, record
from nodes.machine.allocators.slab import SlabAllocator
from nodes.machine.checks import check
from nodes.machine.events import BLOCK_SOCKET, SocketRead
from nodes.machine.machine import Machine
from nodes.machine.pages import PagePool
from nodes.machine.policies import POLICIES, spec_of
from nodes.machine.watermarks import Watermarks


class Clock:
    now_ns = 5


def recorder(operations_max: int = 100) -> Recorder:
    pool = PagePool(64, Watermarks.of(8, 64))
    return Recorder(SlabAllocator(pool), pool, Clock(), operations_max)


def test_every_request_is_passed_on_and_written_down() -> None:
    recording = recorder()
    recording.pool.take(0)
    data = recording.data(2048, 3, 9)
    head = recording.head(3, beside=data)
    assert data is not None and head is not None and not data.marked
    refused = recording.data(2048, 64)
    recording.release(data, cpu=1)
    assert refused is not None, "the second object of a page that is there meets no watermark"
    assert recording.head(64) is not None and recording.data(4096, 64) is None
    assert recording.operations == [
        DataTaken(t_ns=5, id=1, others=1, size_bytes=2048, floor_pages=3, reserve_pages_max=9),
        HeadTaken(t_ns=5, id=2, others=1, floor_pages=3, beside=1),
        DataTaken(t_ns=5, id=3, others=1, size_bytes=2048, floor_pages=64),
        Released(t_ns=5, id=1, others=1, cpu=1),
        HeadTaken(t_ns=5, id=4, others=1, floor_pages=64),
        DataTaken(t_ns=5, id=5, others=1, size_bytes=4096, floor_pages=64, got=False),
    ]
    assert recording.stats() == recording.allocator.stats() and recording.pages == 2
    assert recording.stats().cross_cpu_releases == 1


def test_objects_of_one_page_are_told_apart() -> None:
    recording = recorder()
    first, second = recording.data(2048, 0), recording.data(2048, 0)
    assert first is not None and second is not None and first is not second
    recording.release(first)
    assert recording.operations[-1] == Released(t_ns=5, id=1)


def test_a_full_recording_goes_on_serving_and_counts_what_it_misses() -> None:
    recording = recorder(operations_max=2)
    blocks = [recording.data(512, 0) for _ in range(5)]
    assert all(blocks) and len(recording.operations) == 2 and recording.missed == 3


def test_a_copy_of_the_world_records_nothing_and_leaves_the_original_alone() -> None:
    recording = recorder()
    recording.data(512, 0)
    copy: Recorder = pickle.loads(pickle.dumps(recording))
    assert copy.data(512, 0) is not None and not copy.operations
    assert len(recording.operations) == 1 and recording.stats().objects == 1


def test_a_machine_is_recorded_from_its_ring_on() -> None:
    machine = Machine(MachineConfig(memory_pages=4096, nic="e1000e"), PolicySpec(name="memalloc"), 0)
    before = machine.allocator.stats()
    recording = record(machine, Clock())
    assert len(recording.operations) == 2 * machine.receiver.nic.ring_slots == before.objects
    assert isinstance(recording.operations[1], HeadTaken) and recording.operations[1].beside == 1
    junk = machine.open_socket(1 << 20)
    for i in range(100):
        assert machine.receive(junk, 1428, 1, i)
    check(machine)
    machine.handle(SocketRead(junk), 200)
    check(machine)
    assert sum(isinstance(operation, Released) for operation in recording.operations) == 200


def test_recording_changes_nothing() -> None:
    """The same run, watched and unwatched."""
    ends = []
    for watched in (False, True):
        simulation = Simulation(parse(JUNK_MIX, "junk-mix"))
        initiator = simulation.cluster.initiators["initiator-1"]
        if watched:
            record(initiator.machine, simulation.cluster.loop)
        simulation.warm_up()
        simulation.flood()
        ends.append((simulation.outcome(), initiator.machine.allocator.stats()))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("policy", POLICIES)
def test_every_card_is_recorded_under_every_policy(policy: str) -> None:
    config = MachineConfig(memory_pages=16384, nic="r8169", storage_nic="e1000e")
    machine = Machine(config, spec_of(policy), 0)
    before = machine.allocator.stats()
    recording = record(machine, Clock())
    junk = machine.open_socket(1 << 20)
    for i in range(50):
        machine.receive(junk, 1428, 1, i)
        machine.receive(BLOCK_SOCKET, 66, 1, i)
    machine.handle(SocketRead(junk), 51)
    check(machine)
    assert len(recording.operations) > before.objects > 0
    assert sum(isinstance(operation, Released) for operation in recording.operations) >= 100, "heads and data"
