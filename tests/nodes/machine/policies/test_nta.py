"""nta: pools that users cannot empty and strangers can; late frees."""

from __future__ import annotations

from msgspec import structs

from nodes.config import MachineConfig
from nodes.machine.allocators.nta import V1, NtaAllocator
from nodes.machine.checks import check
from nodes.machine.events import BLOCK_SOCKET, SocketRead, Verdict
from nodes.machine.machine import Machine
from nodes.machine.policies import spec_of

JUNK_BYTES = 1428


def machine(policy: str, allocator: str = "", cpus: int = 1) -> tuple[Machine, int]:
    """Users have taken every page down to 3/8 of min. The junk socket coalesces: heads come back, data stays."""
    config = MachineConfig(memory_pages=12288, nic="e1000e", cpus=cpus)
    spec = structs.replace(spec_of(policy, allocator), pool_bytes=V1.nodes * V1.node_bytes if policy == "nta" else 0)
    patient = Machine(config, spec, 0)
    junk = patient.open_socket(1 << 30, coalesces=True)
    for i in range(32):  # heads on free lists
        patient.receive(junk, JUNK_BYTES, 1, i)
    while patient.pool.free > patient.pool.marks.atomic_floor:
        patient.pool.take(0)
        patient.block.kernel.pages += 1
    return patient, junk


def flood(patient: Machine, junk: int) -> int:
    """Packets until the ring is empty."""
    for i in range(20_000):
        if patient.receive(junk, JUNK_BYTES, 1, i) is Verdict.DROP:
            return i
    raise AssertionError("the ring never emptied")


def test_users_cannot_starve_reception_and_strangers_can() -> None:
    """With no page to be had, `none` has its ring and what was free on its slabs; the pool of v1 holds thousands more; then
    it is full, the ring runs dry, and the storage reply is lost all the same."""
    without, junk = machine("none")
    assert flood(without, junk) <= 256 + 32
    patient, junk = machine("nta", "nta-v1")
    assert 7000 < flood(patient, junk) < 8168
    assert patient.receive(BLOCK_SOCKET, 66, 1, 0) is Verdict.DROP
    check(patient)


def test_the_pools_are_no_reserve_for_heads() -> None:
    """The head comes from slab, and fails at 3/8 of min while the pool is as good as empty."""
    config = MachineConfig(memory_pages=12288, nic="e1000", cpus=1)
    patient = Machine(config, spec_of("nta", "nta-v1"), 0)
    junk = patient.open_socket(1 << 30)
    while patient.pool.free > patient.pool.marks.atomic_floor:
        patient.pool.take(0)
        patient.block.kernel.pages += 1
    assert flood(patient, junk) < 32
    assert patient.receiver.missing() == "head" and patient.receiver.free_slots() > 200


def test_what_is_read_on_another_cpu_comes_back_with_the_next_free_on_cpu_0() -> None:
    patient, junk = machine("nta", "nta-v1", cpus=2)
    assert junk % 2 == 1 and isinstance(patient.allocator, NtaAllocator)
    patient.handle(SocketRead(junk), 1)
    assert len(patient.allocator.pools[0].waiting) == 32
    patient.receive(BLOCK_SOCKET, JUNK_BYTES, 1, 2)  # consumed, and freed on CPU 0
    assert not patient.allocator.pools[0].waiting
    assert patient.allocator.stats().cross_cpu_releases == 32
    check(patient)


def test_the_graph_names_the_pool() -> None:
    patient, junk = machine("nta", "nta-v1")
    patient.block.start(0, 0, False, 0, [])  # a read that is under way
    flood(patient, junk)
    patient.pool.give(patient.pool.marks.high_pages)  # pages do not help
    patient.block.kernel.pages -= patient.pool.marks.high_pages
    edges = {(edge.waiter, edge.resource, edge.who_frees): edge for edge in patient.waits()}
    pool = edges["ring refill", "bytes of the packet pool", "junk in sockets"]
    assert pool.have < pool.need == 2048
    assert ("ring refill", "free pages", "kswapd") not in edges
