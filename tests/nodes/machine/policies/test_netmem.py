"""netmem: one cap for all; what it bounds, whom it hits, and what a floor per socket changes."""

from __future__ import annotations

import msgspec
import pytest

from nodes.config import Era, MachineConfig, PolicySpec
from nodes.errors import UsageError
from nodes.machine.checks import check
from nodes.machine.events import BLOCK_SOCKET, Completed, SocketRead, Verdict, WriteOut
from nodes.machine.machine import Machine
from nodes.machine.policies import spec_of
from nodes.machine.policies.netmem import tcp_mem_pages
from nodes.units import PAGE_BYTES

JUNK_BYTES, ACK_BYTES = 1428, 66
PACKET_BYTES = 2048 + 256


def machine(
    floor_bytes: int = 0, nic: str = "e1000e", era: Era = "2006", tcp: bool = False
) -> tuple[Machine, list[int]]:
    spec = msgspec.structs.replace(spec_of("netmem"), socket_floor_bytes=floor_bytes, era=era)
    patient = Machine(MachineConfig(memory_pages=4096, working_set_pages=6000, nic=nic), spec, 0)
    return patient, [patient.open_socket(1 << 24, coalesces=tcp) for _ in range(2)]


def fill(patient: Machine, junk: int) -> int:
    """Junk until one is dropped; answers how many were not."""
    for i in range(10_000):
        if patient.receive(junk, JUNK_BYTES, 1, i) is Verdict.DROP:
            return i
    raise AssertionError("no cap")


def test_the_limits_are_tcp_mems() -> None:
    assert tcp_mem_pages(65536) == (3072, 4096, 6144), "4.68, 6.25 and 9.37 %"
    assert tcp_mem_pages(1000) == (96, 128, 192), "never below L = 128 pages"


@pytest.mark.parametrize("nic", ["e1000e", "e1000", "rtl8139", "vmxnet3", "virtio-net"])
def test_what_strangers_hold_is_bounded_by_the_cap_whatever_their_buffers(nic: str) -> None:
    patient, junk = machine(nic=nic)
    taken = fill(patient, junk[0])
    assert taken == 384 * PAGE_BYTES // PACKET_BYTES
    assert patient.receive(junk[1], JUNK_BYTES, 1, 1) is Verdict.DROP, "whoever comes"
    assert patient.receiver.rcvbuf_drops == 2
    check(patient)
    patient.handle(SocketRead(junk[0], 1), 2)
    assert patient.receive(junk[1], JUNK_BYTES, 1, 3) is Verdict.ACCEPT


def test_the_storage_reply_is_refused_too_and_a_floor_gives_it_its_way() -> None:
    for floor_bytes, verdict in ((0, Verdict.DROP), (4096, Verdict.ACCEPT)):
        patient, junk = machine(floor_bytes)
        fill(patient, junk[0])
        fill(patient, junk[1])
        assert patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, 0) is verdict
        assert patient.receiver.block_drops == (verdict is Verdict.DROP)
        check(patient)


def test_with_a_floor_every_socket_may_hold_that_much_above_the_cap() -> None:
    patient, junk = machine(4096)
    fill(patient, junk[0])
    assert fill(patient, junk[1]) == 2, "2 x 2304 B is the first sum that is not below 4096 B"


def under_pressure(patient: Machine) -> list[int]:
    """Runs the application until it must write; answers the requests that were sent."""
    sent: list[int] = []
    for now_ns in range(0, 4_000_000_000, 5_000_000):
        sent += [decision.request for decision in patient.poll(now_ns) if isinstance(decision, WriteOut)]
        if patient.block.requests:
            break
    return sent


def test_a_sender_over_the_cap_waits_and_the_graph_names_the_cap() -> None:
    patient, junk = machine()
    fill(patient, junk[0])
    assert not under_pressure(patient) and patient.block.unsent
    over = next(edge for edge in patient.waits() if edge.resource == "bytes of network memory")
    assert (over.waiter, over.who_frees, over.need) == ("block transmit", "junk in sockets", 1024 + PAGE_BYTES)
    assert over.have < over.need


def test_a_sender_with_a_floor_sends_one_request_at_a_time() -> None:
    patient, junk = machine(4096)
    fill(patient, junk[0])
    assert len(under_pressure(patient)) == 1 and patient.block.unsent
    check(patient)


def test_acknowledged_copies_do_not_count_any_more() -> None:
    patient, _ = machine()
    sent = under_pressure(patient)
    assert patient.network.tx_bytes == len(sent) * (1024 + PAGE_BYTES) > 0
    patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, 1, acked_bytes=1 << 30)
    assert patient.network.tx_bytes == 0
    check(patient)


# ---- as it is today


def test_today_the_storage_reply_gets_through_whatever_strangers_hold() -> None:
    """tcp_data_queue: in-order data for an empty receive queue is charged over the limit."""
    patient, junk = machine(era="today")
    fill(patient, junk[0])
    assert all(patient.receive(BLOCK_SOCKET, ACK_BYTES, 1, now_ns) is Verdict.ACCEPT for now_ns in range(100))
    check(patient)


@pytest.mark.parametrize(("tcp", "taken"), [(True, 1), (False, 0)])
def test_today_an_empty_tcp_socket_takes_one_more_packet_and_a_udp_socket_none(tcp: bool, taken: int) -> None:
    patient, junk = machine(era="today", tcp=tcp)
    fill(patient, junk[0])
    assert fill(patient, junk[1]) == taken
    patient.handle(SocketRead(junk[1]), 1)
    assert fill(patient, junk[1]) == taken, "the next, once that was read"


def test_today_one_request_at_a_time_is_sent_over_the_limit() -> None:
    patient, junk = machine(era="today")
    fill(patient, junk[0])
    assert len(under_pressure(patient)) == 1 and patient.block.unsent
    check(patient)
    for request in list(patient.block.requests):
        patient.handle(Completed(request), 5_000_000_000)
    assert any(isinstance(decision, WriteOut) for decision in patient.poll(5_000_000_000))


def test_each_era_has_the_sender_of_its_time() -> None:
    assert machine()[0].sender == "submitter" and machine(era="today")[0].sender == "memalloc"
    assert Machine(MachineConfig(), spec_of("netmem"), 0).sender == "submitter", "2006 is the default"
    with pytest.raises(UsageError, match=r"'none' is not known as of 'today' \(possible: none: it has one form\)"):
        Machine(MachineConfig(), PolicySpec(name="none", era="today"), 0)
