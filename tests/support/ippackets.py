"""Heads of IPv4 packets, written field by field from the RFCs: what the kernel hands to a judge."""

from __future__ import annotations

import struct
from socket import inet_aton

CLIENT, SERVER = ("198.18.40.2", 40_000), ("198.18.40.1", 9000)


def ip_head(protocol: int, payload: bytes, total: int, source: str, destination: str, options: bytes = b"") -> bytes:
    """An IPv4 header (RFC 791) before `payload`; `total` is the length it claims."""
    version_ihl = 0x40 | (5 + len(options) // 4)
    head = struct.pack(">BBHHHBBH", version_ihl, 0, total, 1, 0x4000, 64, protocol, 0)
    return head + inet_aton(source) + inet_aton(destination) + options + payload


def udp(payload_bytes: int = 100, source: tuple[str, int] = CLIENT, to: tuple[str, int] = SERVER) -> bytes:
    header = struct.pack(">HHHH", source[1], to[1], 8 + payload_bytes, 0)
    return ip_head(17, header, 28 + payload_bytes, source[0], to[0])


def tcp(
    flags: int,
    payload_bytes: int = 0,
    ack: int = 0,
    source: tuple[str, int] = CLIENT,
    to: tuple[str, int] = SERVER,
    tcp_options: int = 12,
    ip_options: int = 0,
) -> bytes:
    """A TCP segment (RFC 9293); options are given by their length, a multiple of 4."""
    offset = (20 + tcp_options) // 4
    header = struct.pack(">HHIIBBHHH", source[1], to[1], 1, ack, offset << 4, flags, 1000, 0, 0) + bytes(tcp_options)
    total = 20 + ip_options + len(header) + payload_bytes
    return ip_head(6, header, total, source[0], to[0], bytes(ip_options))


def icmp() -> bytes:
    return ip_head(1, bytes(8), 28, CLIENT[0], SERVER[0])
