"""ideal: a stranger never costs a page at or below min, and the paging socket is always heard."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.config import MachineConfig
from nodes.machine.checks import check, guard_floors
from nodes.machine.events import BLOCK_SOCKET, ICMP, NO_SOCKET, SocketRead, Verdict
from nodes.machine.machine import Machine
from nodes.machine.nic import NICS
from nodes.machine.policies import spec_of


@pytest.mark.parametrize("nic", list(NICS))
@settings(max_examples=15, deadline=None)
@given(flows=st.lists(st.tuples(st.sampled_from(["junk", "read", "none", "icmp"]), st.integers(1, 80)), max_size=20))
def test_strangers_never_cost_the_reserve_and_block_packets_always_pass(nic: str, flows: list[tuple[str, int]]) -> None:
    patient = Machine(MachineConfig(memory_pages=1200, min_free_pages=100, nic=nic), spec_of("ideal"), 0)
    guard_floors(patient)
    junk = patient.open_socket(1 << 24)
    for now_ns, (what, packets) in enumerate(flows):
        for _ in range(packets * 10):
            if what == "read":
                patient.handle(SocketRead(junk, 1), now_ns)
            else:
                patient.receive({"junk": junk, "none": NO_SOCKET, "icmp": ICMP}[what], 1428, 1, now_ns)
        assert patient.receive(BLOCK_SOCKET, 4178, 3, now_ns) is Verdict.ACCEPT
        assert patient.pool.lowest >= patient.pool.marks.min_pages
        check(patient)


def test_a_stranger_is_dropped_at_min_and_let_in_above_it() -> None:
    patient = Machine(MachineConfig(), spec_of("ideal"), 0)
    junk = patient.open_socket(1 << 20)
    assert patient.receive(junk, 1428, 1, 0) is Verdict.ACCEPT
    while patient.pool.take(patient.pool.marks.kernel_floor):
        pass
    assert patient.receive(junk, 1428, 1, 1) is Verdict.DROP
    assert patient.receiver.early_drops == 1 and patient.receiver.free_slots() > 200
