"""Whose packet is this? The head of an IPv4 packet, read once, on the hot path.

A plain tuple comes back instead of an object: this runs for every packet of a flood, and its cost is the testbed's rate.
Fragments do not occur: netfilter's INPUT hook lies behind the kernel's reassembly (net/ipv4/ip_input.c).
"""

from __future__ import annotations

import struct
from socket import inet_aton

ICMP_PROTO, TCP, UDP = 1, 6, 17
OTHER = 0
"""Protocol answered for what is not a (whole) IPv4 head."""
FIN, SYN, RST = 0x01, 0x02, 0x04

MSS_BYTES = 1448
"""TCP payload of one packet at MTU 1500: 1500 - 20 (IP) - 20 (TCP) - 12 (time stamps)."""
_IP_PAYLOAD_BYTES = 1480

_IP = struct.Struct(">B x H 5x B 2x 12s")  # version+ihl, total length, protocol, both addresses and ports (no options)
_TCP_TAIL = struct.Struct(">8x I B B")  # of the TCP header: acknowledgement, data offset, flags
_NOTHING = (OTHER, b"", 0, 1, 0, 0, 0)

Packet = tuple[int, bytes, int, int, int, int, int]
"""protocol, endpoints, size_bytes, segments, payload_bytes, flags, ack.

`endpoints`: source address, destination address, source port, destination port as on the wire, 12 bytes.
`size_bytes`: the IP packet's length. `segments`: packets on the wire that the kernel made one of (GRO, reassembly), at
least 1. The last three are TCP's and 0 elsewhere.
"""


def classify(head: bytes | memoryview) -> Packet:
    """What the machine must know of the packet that begins with `head` (54 bytes are enough for any without options)."""
    try:
        version_ihl, total, protocol, endpoints = _IP.unpack_from(head)
        ip_bytes = 20
        if version_ihl != 0x45:
            if version_ihl >> 4 != 4 or version_ihl & 15 < 5:
                return _NOTHING
            ip_bytes = (version_ihl & 15) * 4
            endpoints = endpoints[:8] + bytes(head[ip_bytes : ip_bytes + 4])
        if protocol != TCP:
            segments = -(-(total - ip_bytes) // _IP_PAYLOAD_BYTES) or 1
            return protocol, endpoints, total, segments, 0, 0, 0
        ack, offset, flags = _TCP_TAIL.unpack_from(head, ip_bytes)
    except struct.error:
        return _NOTHING
    payload = total - ip_bytes - (offset >> 4) * 4
    segments = 1 if payload <= MSS_BYTES else -(-payload // MSS_BYTES)
    return protocol, endpoints, total, segments, payload, flags, ack


def endpoints(source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    """The key under which `classify` reports packets from `source` to `destination` (IPv4 address, port)."""
    ports = struct.pack(">HH", source[1], destination[1])
    return inet_aton(source[0]) + inet_aton(destination[0]) + ports
