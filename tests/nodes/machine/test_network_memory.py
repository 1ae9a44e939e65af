"""The cap on all network memory, and the floor that a socket may claim above it."""

from __future__ import annotations

from nodes.machine.network_memory import NetworkMemory


def test_without_a_cap_nothing_is_refused() -> None:
    network = NetworkMemory()
    network.rx_bytes = 1 << 50
    assert not network.refuses(1 << 40, 1 << 40)


def test_both_directions_count_and_the_cap_itself_may_be_reached() -> None:
    network = NetworkMemory()
    network.set_cap(2, 0)
    network.rx_bytes, network.tx_bytes = 4096, 2048
    assert not network.refuses(2048, 9999)
    assert network.refuses(2049, 9999) and network.refuses(2049, 0), "no floor: whoever comes"


def test_a_socket_below_its_floor_goes_on_above_the_cap() -> None:
    network = NetworkMemory()
    network.set_cap(1, 4096)
    network.rx_bytes = 1 << 20
    assert not network.refuses(2304, 4095)
    assert network.refuses(2304, 4096)


def test_tcp_takes_a_first_packet_above_the_cap_and_udp_does_not() -> None:
    network = NetworkMemory()
    network.set_cap(1, 0, forces_first=True)
    network.rx_bytes = 1 << 20
    assert not network.refuses(2304, 0) and network.refuses(2304, 1)
    assert network.refuses(2304, 0, is_stream=False)


def test_a_cap_can_be_lifted() -> None:
    network = NetworkMemory()
    network.set_cap(1, 0)
    network.rx_bytes = 1 << 20
    assert network.refuses(1, 0)
    network.set_cap(0, 0)
    assert not network.refuses(1, 0)
