"""A train of packets is exactly its packets, one after another."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.config import MachineConfig
from nodes.machine.checks import check
from nodes.machine.events import SocketRead
from nodes.machine.machine import Machine
from nodes.machine.nic import NICS
from nodes.machine.policies import POLICIES, spec_of

COMBINATIONS = [(name, allocator) for name, policy in POLICIES.items() for allocator in policy.allocators]
TRAINS = st.lists(
    st.tuples(
        st.integers(0, 400),  # packets
        st.sampled_from([60, 200, 1428]),  # size
        st.integers(0, 7),  # first socket
        st.integers(0, 60),  # packets read afterwards from one of the sockets
        st.integers(0, 40),  # pages that somebody else takes afterwards, in tens
    ),
    max_size=6,
)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(COMBINATIONS),
    st.sampled_from(list(NICS)),
    st.lists(st.sampled_from([4096, 65536, 1 << 20]), min_size=1, max_size=4),
    TRAINS,
)
def test_a_train_is_its_packets(
    combination: tuple[str, str], nic: str, rcvbufs_bytes: list[int], trains: list[tuple[int, int, int, int, int]]
) -> None:
    config = MachineConfig(memory_pages=9000 if combination[1] == "nta-v1" else 2000, min_free_pages=40, nic=nic)
    whole = Machine(config, spec_of(*combination), 0)
    sockets = [whole.open_socket(rcvbuf_bytes, coalesces=bool(i % 2)) for i, rcvbuf_bytes in enumerate(rcvbufs_bytes)]
    single: Machine = pickle.loads(pickle.dumps(whole))
    for now_ns, (packets, size_bytes, first, read, taken) in enumerate(trains):
        accepted = whole.receive_many(sockets, size_bytes, packets, now_ns, first)
        turns = [sockets[(first + i) % len(sockets)] for i in range(packets)]
        assert accepted == sum(single.receive(socket, size_bytes, 1, now_ns) for socket in turns)
        for patient in (whole, single):
            patient.handle(SocketRead(sockets[0], read), now_ns)
            for _ in range(10 * taken):
                patient.block.kernel.pages += patient.pool.take(0)
            patient.poll(now_ns)
        assert whole.signature(now_ns) == single.signature(now_ns)
        assert whole.stats(now_ns) == single.stats(now_ns)
        assert whole.waits() == single.waits()
        assert whole.allocator.stats() == single.allocator.stats()
        check(whole)


@pytest.mark.parametrize("sockets", [1, 3])
def test_a_train_for_full_sockets_costs_a_packet_a_socket(sockets: int) -> None:
    patient = Machine(MachineConfig(), spec_of("none"), 0)
    numbers = [patient.open_socket(4096) for _ in range(sockets)]
    patient.receive_many(numbers, 1428, 100, 0)
    judged, packet = [], patient.receiver.packet
    patient.receiver.packet = lambda *args: judged.append(args) or packet(*args)  # type: ignore
    assert patient.receive_many(numbers, 1428, 10_000_001, 1) == 0
    assert len(judged) <= 2 * sockets + 2
    assert patient.receiver.rx_packets == 10_000_101
    assert patient.receiver.rcvbuf_drops == 10_000_101 - patient.receiver.junk_packets
