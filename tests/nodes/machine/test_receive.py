"""The receive path: rings, marks, early drop, receive buffers, refill by card."""

import pytest

from nodes.config import MachineConfig, PolicySpec
from nodes.machine.checks import check
from nodes.machine.events import BLOCK_SOCKET, ICMP, NO_SOCKET, SocketRead, Verdict
from nodes.machine.machine import Machine
from nodes.machine.nic import INTEL_WATCHDOG_NS, NICS

JUNK_BYTES, ACK_BYTES = 1428, 66
PLENTY = 1 << 24


def machine(nic: str, policy: str) -> Machine:
    return Machine(MachineConfig(memory_pages=4096, nic=nic), PolicySpec(name=policy), 0)


def drain_to(patient: Machine, free_pages: int) -> int:
    """Somebody else (the kernel) takes pages until only `free_pages` are left; answers how many."""
    taken = 0
    while patient.pool.free > free_pages:
        patient.pool.take(0)
        taken += 1
    patient.block.kernel.pages += taken
    return taken


def give_back(patient: Machine, pages: int) -> None:
    patient.block.kernel.pages -= pages
    patient.pool.give(pages)


@pytest.mark.parametrize("nic", list(NICS))
@pytest.mark.parametrize("policy", ["none", "memalloc", "mainline", "local"])
def test_a_machine_with_memory_takes_everything(nic: str, policy: str) -> None:
    patient = machine(nic, policy)
    junk = patient.open_socket(PLENTY)
    for i in range(1000):
        for flow, size in (
            (junk, JUNK_BYTES),
            (BLOCK_SOCKET, ACK_BYTES),
            (BLOCK_SOCKET, JUNK_BYTES),
            (NO_SOCKET, 60),
            (ICMP, 84),
        ):
            assert patient.receive(flow, size, 1, i) is Verdict.ACCEPT
    check(patient)
    assert patient.receiver.junk_packets == 1000
    patient.handle(SocketRead(junk), 1001)
    assert patient.receiver.held_bytes == 0
    check(patient)


def test_a_full_receive_buffer_drops_and_costs_nothing() -> None:
    patient = machine("e1000e", "none")
    junk = patient.open_socket(4096)
    verdicts = [patient.receive(junk, JUNK_BYTES, 1, i) for i in range(100)]
    held = verdicts.count(Verdict.ACCEPT)
    assert held == 4, "8 KiB of buffer (the kernel doubles it), 2304 B a packet, one may pass the limit"
    assert patient.receiver.rcvbuf_drops == 100 - held


def test_without_a_policy_strangers_empty_the_ring_and_the_reply_is_lost() -> None:
    patient = machine("e1000e", "none")
    junk = patient.open_socket(PLENTY)
    drain_to(patient, patient.pool.marks.atomic_floor)
    while patient.receiver.free_slots():
        assert patient.receive(junk, JUNK_BYTES, 1, 0) is Verdict.ACCEPT
    assert patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, 0) is Verdict.DROP
    assert patient.receiver.block_drops == 1 and patient.receiver.missing() == "buffer"
    check(patient)


def test_memalloc_marks_drops_strangers_and_hears_the_reply() -> None:
    patient = machine("e1000e", "memalloc")
    junk = patient.open_socket(PLENTY)
    drain_to(patient, patient.pool.marks.atomic_floor)
    for i in range(5000):
        patient.receive(junk, JUNK_BYTES, 1, i)
        assert patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, i) is Verdict.ACCEPT
    assert patient.receiver.early_drops > 4000
    assert patient.allocator.marked_pages <= 128, "PZ06c: marked packets hold 128 pages at most"
    check(patient)


def test_memalloc_drops_marked_icmp_and_mainline_does_not() -> None:
    for policy, verdict in (("memalloc", Verdict.DROP), ("mainline", Verdict.ACCEPT)):
        patient = machine("e1000e", policy)
        junk = patient.open_socket(PLENTY, coalesces=True)  # heads come back
        drain_to(patient, patient.pool.marks.atomic_floor)
        for i in range(1000):
            patient.receive(junk, JUNK_BYTES, 1, i)
        assert patient.receiver.marked_slots == patient.receiver.free_slots() > 100
        assert patient.receive(ICMP, JUNK_BYTES, 1, 0) is verdict


def test_marks_leave_the_ring_when_memory_is_back() -> None:
    patient = machine("e1000e", "memalloc")
    junk = patient.open_socket(PLENTY)
    taken = drain_to(patient, patient.pool.marks.atomic_floor)
    for i in range(1000):
        patient.receive(junk, JUNK_BYTES, 1, i)
    give_back(patient, taken)
    for i in range(1000):
        patient.receive(junk, JUNK_BYTES, 1, i)
    assert patient.receiver.marked_slots == 0 and patient.allocator.marked_pages == 0
    drops = patient.receiver.early_drops
    assert patient.receive(junk, JUNK_BYTES, 1, 0) is Verdict.ACCEPT and patient.receiver.early_drops == drops


def test_the_intel_watchdog_fills_an_empty_ring_when_memory_is_back() -> None:
    patient = machine("e1000e", "none")
    junk = patient.open_socket(PLENTY)
    taken = drain_to(patient, patient.pool.marks.atomic_floor)
    while patient.receive(junk, JUNK_BYTES, 1, 0) is Verdict.ACCEPT:
        pass
    give_back(patient, taken)
    assert patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, 1) is Verdict.DROP, "an empty ring raises no interrupt"
    patient.receiver.run_timers(INTEL_WATCHDOG_NS)
    assert patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, INTEL_WATCHDOG_NS) is Verdict.ACCEPT


def test_the_virtio_worker_switches_reception_off_until_a_page_above_min_is_free() -> None:
    patient = machine("virtio-net", "mainline")
    junk = patient.open_socket(PLENTY)
    taken = drain_to(patient, patient.pool.marks.atomic_floor + 12)  # enough for heads, not for a refill
    while patient.receive(junk, JUNK_BYTES, 1, 0) is Verdict.ACCEPT:
        pass
    patient.receiver.run_timers(1)
    assert patient.receiver.missing() == "queue" and patient.receiver.free_slots() > 0
    assert patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, 2) is Verdict.DROP, "buffers are there, and nobody may use them"
    give_back(patient, taken)
    patient.receiver.run_timers(3)
    assert patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, 4) is Verdict.ACCEPT


def test_mainline_finds_no_head_where_it_would_find_data() -> None:
    patient = machine("r8169", "mainline")
    junk = patient.open_socket(PLENTY)
    drain_to(patient, patient.pool.marks.atomic_floor)
    while patient.receive(junk, JUNK_BYTES, 1, 0) is Verdict.ACCEPT:
        pass
    assert patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, 0) is Verdict.DROP
    assert patient.receiver.missing() == "head"
    check(patient)


def test_coalescing_gives_heads_back() -> None:
    plain, coalescing = machine("e1000e", "none"), machine("e1000e", "none")
    for patient, coalesces in ((plain, False), (coalescing, True)):
        junk = patient.open_socket(PLENTY, coalesces)
        for i in range(1600):
            patient.receive(junk, JUNK_BYTES, 1, i)
        check(patient)
    assert plain.allocator.pages - coalescing.allocator.pages == 100


def test_closing_a_socket_frees_what_it_held() -> None:
    patient = machine("e1000", "none")
    before = patient.pool.free
    junk = patient.open_socket(PLENTY)
    for i in range(500):
        patient.receive(junk, JUNK_BYTES, 1, i)
    patient.close_socket(junk)
    check(patient)
    assert patient.pool.free >= before - 1 and patient.receive(junk, JUNK_BYTES, 1, 501) is Verdict.ACCEPT


def test_vmxnet3_keeps_the_old_buffer_when_it_gets_no_new_one() -> None:
    patient = machine("vmxnet3", "none")
    junk = patient.open_socket(PLENTY)
    drain_to(patient, patient.pool.marks.atomic_floor)
    while patient.receive(junk, JUNK_BYTES, 1, 0) is Verdict.ACCEPT:
        pass
    assert patient.receiver.free_slots() == patient.receiver.nic.ring_slots, "its ring never empties"
    assert patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, 0) is Verdict.DROP
    check(patient)


def test_mainline_copies_small_frames_into_the_reserve_and_counts_their_drop() -> None:
    patient = machine("e1000e", "mainline")
    junk = patient.open_socket(PLENTY, coalesces=True)
    drain_to(patient, patient.pool.marks.atomic_floor)
    for i in range(100):
        patient.receive(junk, ACK_BYTES, 1, i)
    assert patient.receiver.early_drops > 0
    check(patient)


def test_a_head_from_the_reserve_marks_no_packet_under_mainline() -> None:
    """skb->pfmemalloc tells of the data alone: strangers keep the reserve's heads, until the ring has run dry."""
    spec = PolicySpec(name="mainline", head_reserve=True)
    patient = Machine(MachineConfig(memory_pages=4096, nic="e1000"), spec, 0)
    junk = patient.open_socket(PLENTY)
    drain_to(patient, patient.pool.marks.atomic_floor)
    while patient.receive(junk, JUNK_BYTES, 1, 0) is Verdict.ACCEPT:
        pass
    assert patient.pool.free < patient.pool.marks.atomic_floor and not patient.receiver.early_drops
    assert patient.receiver.missing() == "buffer"
    check(patient)


@pytest.mark.parametrize(("policy", "missing"), [("none", "mark"), ("mainline", "")])
def test_igb_takes_from_the_reserve_unasked_and_only_a_flagged_socket_gets_it(policy: str, missing: str) -> None:
    patient = machine("igb", policy)
    patient.receive(
        patient.open_socket(PLENTY), JUNK_BYTES, 1, 0
    )  # it keeps its head, and so a page with room for more
    junk = patient.open_socket(PLENTY, coalesces=True)
    drain_to(patient, patient.pool.marks.atomic_floor)
    for i in range(600):
        patient.receive(junk, JUNK_BYTES, 1, i)
    assert patient.receiver.marked_slots == patient.receiver.free_slots() > 0 < patient.receiver.early_drops
    assert patient.receiver.missing() == missing
    assert patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, 600) is (Verdict.DROP if missing else Verdict.ACCEPT)
    check(patient)
