"""A pool that users cannot take, and a limit that keeps strangers from filling it."""

from __future__ import annotations

from msgspec import structs

from nodes.config import MachineConfig
from nodes.machine.allocators.nta import NtaAllocator
from nodes.machine.checks import check
from nodes.machine.events import BLOCK_SOCKET, Verdict
from nodes.machine.machine import Machine
from nodes.machine.policies import spec_of
from nodes.machine.policies.poolcap import UNDER_WAY_BYTES
from nodes.units import PAGE_BYTES

JUNK_BYTES = 1428
CONFIG = MachineConfig(memory_pages=16384, nic="e1000e")


def flooded(floor_bytes: int = 0, policy: str = "pool-cap") -> Machine:
    """64 MiB, pools of 4 MiB, and one stranger's socket that takes all it is given."""
    spec = structs.replace(spec_of(policy), socket_floor_bytes=floor_bytes)
    patient = Machine(CONFIG, spec, 0)
    junk = patient.open_socket(1 << 30)
    for i in range(4000):
        patient.receive(junk, JUNK_BYTES, 1, i)
    check(patient)
    return patient


def test_the_limit_is_what_the_pool_has_beside_its_ring_and_one_poll() -> None:
    patient = Machine(CONFIG, spec_of("pool-cap"), 0)
    assert patient.network.cap_bytes == (4 << 20) - 256 * 2048 - UNDER_WAY_BYTES
    two_cards = Machine(structs.replace(CONFIG, storage_nic="e1000e"), spec_of("pool-cap"), 0)
    assert two_cards.network.cap_bytes == patient.network.cap_bytes - 256 * 2048


def test_strangers_who_hold_all_of_the_limit_leave_room_in_the_pool() -> None:
    """Under `nta` the same junk takes the pool, and the ring runs dry."""
    assert flooded(policy="nta").receiver.missing() == "buffer"
    patient = flooded()
    assert isinstance(patient.allocator, NtaAllocator)
    assert patient.receiver.missing() == "" and patient.allocator.room_bytes() >= PAGE_BYTES


def test_without_a_floor_the_reply_is_refused_with_everything_else_and_with_one_it_passes() -> None:
    assert flooded().receive(BLOCK_SOCKET, 66, 1, 5000) is Verdict.DROP
    assert flooded(floor_bytes=4096).receive(BLOCK_SOCKET, 66, 1, 5000) is Verdict.ACCEPT


def test_users_cannot_take_the_pool() -> None:
    patient = Machine(CONFIG, spec_of("pool-cap"), 0)
    while patient.pool.take(0):
        patient.block.kernel.pages += 1
    assert patient.block.start(0, 1, True, 0, []), "a spare bio"
    assert patient.block.sent == 1, "and room in the pool to send it"
