"""Ports of loopback that nobody holds."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """`count` consecutive ports free for UDP and TCP at the moment."""
    for first in range(20_000, 32_000, count):
        if all(_free(port) for port in range(first, first + count)):
            return list(range(first, first + count))
    raise AssertionError(f"no {count} consecutive free ports")


def _free(port: int) -> bool:
    with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        try:
            stream.bind(("127.0.0.1", port))
            datagram.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
