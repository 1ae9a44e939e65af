"""The head of a packet, taken apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from ippackets import CLIENT, SERVER, icmp, tcp, udp

from nodes.container.classify import FIN, ICMP_PROTO, MSS_BYTES, OTHER, RST, SYN, TCP, UDP, classify, endpoints

ports = st.integers(0, 65_535)
options = st.integers(0, 10).map(lambda words: words * 4)


@given(source=ports, to=ports, size=st.integers(0, 1472))
def test_a_datagram_in_one_packet(source: int, to: int, size: int) -> None:
    head = udp(size, (CLIENT[0], source), (SERVER[0], to))
    key = endpoints((CLIENT[0], source), (SERVER[0], to))
    assert classify(head) == (UDP, key, 28 + size, 1, 0, 0, 0)


def test_a_reassembled_datagram_counts_its_fragments() -> None:
    assert classify(udp(8000))[3] == 6  # 8008 bytes of IP payload, 1480 a fragment


@given(
    flags=st.integers(0, 63),
    ack=st.integers(0, 2**32 - 1),
    tcp_options=options,
    ip_options=options,
    size=st.integers(0, 60_000),
)
def test_a_segment_with_any_options(flags: int, ack: int, tcp_options: int, ip_options: int, size: int) -> None:
    head = tcp(flags, size, ack, tcp_options=tcp_options, ip_options=ip_options)
    protocol, key, size_bytes, segments, payload, seen_flags, seen_ack = classify(head)
    assert (protocol, key, seen_flags, seen_ack) == (TCP, endpoints(CLIENT, SERVER), flags, ack)
    assert (size_bytes, payload) == (40 + ip_options + tcp_options + size, size)
    assert (segments - 1) * MSS_BYTES < max(size, 1) <= segments * MSS_BYTES


def test_flags_are_those_of_the_rfc() -> None:
    assert [classify(tcp(flag))[5] for flag in (FIN, SYN, RST)] == [1, 2, 4]


def test_icmp_is_told_apart() -> None:
    assert classify(icmp())[0] == ICMP_PROTO


@given(st.binary(max_size=64))
def test_no_bytes_make_it_fail(head: bytes) -> None:
    protocol, _, _, segments, _, _, _ = classify(head)
    assert segments >= 0 and 0 <= protocol < 256


@given(st.integers(0, 23))
def test_a_cut_off_head_is_nobodys(length: int) -> None:
    assert classify(tcp(SYN)[:length])[0] == OTHER


def test_another_ip_version_is_nobodys() -> None:
    assert classify(b"\x60" + tcp(SYN)[1:])[0] == OTHER
