"""iface: debts on the card, paid by whoever comes; what that does to innocents, to other cards, and to the reserve."""

from __future__ import annotations

from nodes.config import MachineConfig
from nodes.machine.checks import check
from nodes.machine.events import BLOCK_SOCKET, ICMP, NO_SOCKET, Verdict
from nodes.machine.machine import Machine
from nodes.machine.policies import spec_of
from nodes.machine.policies.iface import RX_RESERVE_PACKETS, reserve_pages

JUNK_BYTES, ACK_BYTES = 1428, 66


def machine(policy: str = "iface", rcvbuf_bytes: int = 1 << 24, storage_nic: str = "") -> tuple[Machine, int]:
    """With 3/8 of min free, and a junk socket."""
    config = MachineConfig(memory_pages=4096, nic="e1000e", storage_nic=storage_nic)
    patient = Machine(config, spec_of(policy), 0)
    junk = patient.open_socket(rcvbuf_bytes)
    while patient.pool.free > patient.pool.marks.atomic_floor:
        patient.pool.take(0)
        patient.block.kernel.pages += 1
    return patient, junk


def into_debt(patient: Machine, junk: int) -> None:
    for i in range(1000):
        if patient.receiver.debt:
            return
        patient.receive(junk, JUNK_BYTES, 1, i)
    raise AssertionError("no packet was taken from the reserve")


def test_the_reserve_is_that_of_fifty_packets() -> None:
    assert reserve_pages() == 50 + 4, "a page for each buffer of 2 KiB and 16 B, sixteen heads a page"
    assert reserve_pages(16) == 17


def test_innocent_packets_pay_a_debt_and_are_dropped() -> None:
    """What they were received into was never from the reserve: the slots at the front of the ring are unmarked."""
    patient, junk = machine()
    into_debt(patient, junk)
    debt, drops = patient.receiver.debt, patient.receiver.early_drops
    front = [data.marked for _, data in list(patient.receiver.ring)[:debt]]
    assert not any(front), "innocents"
    verdicts = [patient.receive(junk, JUNK_BYTES, 1, 2000 + i) for i in range(debt)]
    assert set(verdicts) == {Verdict.DROP} and patient.receiver.early_drops == drops + debt
    check(patient)


def test_the_paging_socket_is_served_and_pays_too_and_icmp_is_dropped() -> None:
    patient, junk = machine()
    into_debt(patient, junk)
    before = patient.receiver.debt
    assert patient.receive(BLOCK_SOCKET, JUNK_BYTES, 1, 2000) is Verdict.ACCEPT
    assert patient.receiver.debt == before - 1
    assert patient.receive(ICMP, JUNK_BYTES, 1, 2001) is Verdict.DROP
    check(patient)


def test_a_packet_that_finds_no_socket_pays_nothing() -> None:
    """In the patch of 12 August 2005 tcp_v4_rcv and udp_rcv look at the count only once they have a socket."""
    patient, junk = machine()
    into_debt(patient, junk)
    debt, drops = patient.receiver.debt, patient.receiver.early_drops
    for i in range(5):
        patient.receive(NO_SOCKET, JUNK_BYTES, 1, 2000 + i)
    assert (patient.receiver.debt, patient.receiver.early_drops) == (debt, drops)
    assert patient.receive(junk, JUNK_BYTES, 1, 3000) is Verdict.DROP and patient.receiver.debt == debt - 1
    check(patient)


def test_without_a_debt_nobody_is_dropped_and_no_policy_is_no_debt() -> None:
    for policy in ("iface", "none"):
        patient, junk = machine(policy)
        assert patient.receive(junk, JUNK_BYTES, 1, 0) is Verdict.ACCEPT
        assert patient.receive(ICMP, JUNK_BYTES, 1, 0) is Verdict.ACCEPT
    for i in range(300):
        patient.receive(junk, JUNK_BYTES, 1, i)
    assert patient.receiver.debt == 0 and patient.receiver.early_drops == 0, "none: the ring is empty, nobody owes"


def test_a_debt_of_the_junk_card_does_not_touch_the_storage_card() -> None:
    patient, junk = machine(storage_nic="e1000")
    into_debt(patient, junk)
    debt = patient.receiver.debt
    for i in range(100):
        assert patient.receive(BLOCK_SOCKET, JUNK_BYTES, 1, 2000 + i) is Verdict.ACCEPT
    assert patient.storage is not patient.receiver
    assert (patient.receiver.debt, patient.storage.early_drops) == (debt, 0)
    check(patient)


def test_a_card_never_owes_more_than_fifty() -> None:
    patient, junk = machine()
    owed = 0
    patient.receiver.ring.clear()  # an empty ring wants 256 buffers at once
    patient.receiver.refill(patient.receiver.floor_pages)
    owed = patient.receiver.debt
    assert owed == RX_RESERVE_PACKETS and patient.receiver.free_slots() < 256
    for i in range(3000):
        patient.receive(junk, JUNK_BYTES, 1, i)
        owed = max(owed, patient.receiver.debt)
    assert owed == RX_RESERVE_PACKETS


def test_the_reserve_leaks_into_a_strangers_socket_where_marks_would_keep_it() -> None:
    """When a few pages come free, refills make no debt for a moment; but the ring is full of packets that did take from the
    reserve, and nobody drops those now."""
    held = {}
    for policy in ("iface", "memalloc"):
        patient, junk = machine(policy)
        for i in range(3000):
            if i % 300 == 0:
                pages = min(20, patient.block.kernel.pages)
                patient.pool.give(pages)
                patient.block.kernel.pages -= pages
            patient.receive(junk, JUNK_BYTES, 1, i)
        held[policy] = sum(data.marked for _, data in patient.receiver.sockets[junk].queue)
        check(patient)
    assert held["memalloc"] == 0 and held["iface"] > RX_RESERVE_PACKETS
