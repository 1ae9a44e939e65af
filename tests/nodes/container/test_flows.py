"""Packets find their sockets in a real machine."""

from __future__ import annotations

import pytest
from ippackets import CLIENT, SERVER, icmp, tcp, udp

from nodes.config import MachineConfig, PolicySpec
from nodes.container.acks import AckCounter
from nodes.container.classify import FIN, RST, SYN, endpoints
from nodes.container.flows import Flows
from nodes.machine.events import SocketRead
from nodes.machine.machine import Machine

RCVBUF_BYTES = 65_536
ACK = 0x10


@pytest.fixture
def machine() -> Machine:
    return Machine(MachineConfig(), PolicySpec(name="memalloc"), 0)


@pytest.fixture
def flows(machine: Machine) -> Flows:
    return Flows(machine)


def held(machine: Machine) -> int:
    return machine.stats(0).junk_held_bytes


def test_a_datagram_fills_its_socket_until_the_buffer_is_full(machine: Machine, flows: Flows) -> None:
    socket = flows.open_udp(SERVER[1], RCVBUF_BYTES)
    verdicts = [flows.judge(udp(1400), 0) for _ in range(200)]
    assert verdicts[0] and not verdicts[-1]
    assert held(machine) >= RCVBUF_BYTES and machine.stats(0).rcvbuf_drops == verdicts.count(False)
    assert flows.filled == {socket}
    machine.handle(SocketRead(socket), 0)
    assert held(machine) == 0 and flows.judge(udp(1400), 0)


def test_nobodys_packets_hold_nothing(machine: Machine, flows: Flows) -> None:
    for head in (udp(), icmp(), tcp(SYN), tcp(ACK, 1000), b""):
        assert flows.judge(head, 0)
    assert held(machine) == 0 and not flows.filled
    assert machine.stats(0).rx_packets == 5


def test_a_connection_opens_with_its_syn_and_holds_what_has_payload(machine: Machine, flows: Flows) -> None:
    flows.listen(SERVER[1], RCVBUF_BYTES)
    flows.judge(tcp(ACK, 1000), 0)
    assert held(machine) == 0, "no SYN yet: a stranger"
    flows.judge(tcp(SYN), 0)
    flows.judge(tcp(ACK), 0)
    assert held(machine) == 0, "bare segments are consumed at once"
    flows.judge(tcp(ACK, 1000), 0)
    socket = flows.accepted(endpoints(CLIENT, SERVER))
    assert held(machine) > 0 and flows.filled == {socket}


def test_a_fin_leaves_what_is_unread_and_wakes_the_reader(machine: Machine, flows: Flows) -> None:
    flows.listen(SERVER[1], RCVBUF_BYTES)
    for head in (tcp(SYN), tcp(ACK, 1000)):
        flows.judge(head, 0)
    flows.filled.clear()
    flows.judge(tcp(ACK | FIN), 0)
    assert held(machine) > 0 and len(flows.filled) == 1
    flows.close_tcp(endpoints(CLIENT, SERVER))
    assert held(machine) == 0


def test_a_reset_frees_all_and_is_told(machine: Machine, flows: Flows) -> None:
    flows.listen(SERVER[1], RCVBUF_BYTES)
    for head in (tcp(SYN), tcp(ACK, 1000)):
        flows.judge(head, 0)
    socket = flows.accepted(endpoints(CLIENT, SERVER))
    flows.judge(tcp(RST), 0)
    assert held(machine) == 0 and flows.reset == [socket]
    assert flows.accepted(endpoints(CLIENT, SERVER)) is None


def test_block_packets_carry_their_acknowledgements_and_an_old_connection_is_a_stranger(flows: Flows) -> None:
    first, second = AckCounter(), AckCounter()
    flows.set_block(endpoints(CLIENT, SERVER), first)
    flows.judge(tcp(ACK, ack=1000), 0)
    first.start()
    first.sent(4124, 4124)
    flows.judge(tcp(ACK, 16, ack=5124), 0)
    assert first.bytes == 4124
    flows.set_block(endpoints((CLIENT[0], 1), SERVER), second)
    flows.judge(tcp(ACK, ack=9000), 0)
    assert first.bytes == 4124 and not flows.filled


def exhaust(machine: Machine, flows: Flows) -> None:
    """Datagrams until the machine has no page to receive anything with."""
    flows.open_udp(SERVER[1], 1 << 30)
    for _ in range(100_000):
        if not flows.judge(udp(1400), 0):
            break
    assert machine.stats(0).no_buffer_drops


def test_a_reset_that_the_machine_cannot_receive_frees_nothing() -> None:
    machine = Machine(MachineConfig(), PolicySpec(name="none"), 0)
    flows = Flows(machine)
    flows.listen(SERVER[1], RCVBUF_BYTES)
    for head in (tcp(SYN), tcp(ACK, 1000)):
        flows.judge(head, 0)
    exhaust(machine, flows)
    before, socket = held(machine), flows.accepted(endpoints(CLIENT, SERVER))
    assert not flows.judge(tcp(RST), 0)
    assert held(machine) == before and not flows.reset
    assert flows.accepted(endpoints(CLIENT, SERVER)) == socket is not None


def test_a_syn_that_the_machine_cannot_receive_opens_nothing() -> None:
    machine = Machine(MachineConfig(), PolicySpec(name="none"), 0)
    flows = Flows(machine)
    flows.listen(SERVER[1], RCVBUF_BYTES)
    exhaust(machine, flows)
    assert not flows.judge(tcp(SYN), 0)
    assert flows.accepted(endpoints(CLIENT, SERVER)) is None
