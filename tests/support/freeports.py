"""Ports of loopback that nobody holds, and that no other test process will be given.

A port is free only until somebody takes it: two test processes that look at once may find the same one, and meet each
other's brokers there. So each process has numbers of its own, below those that the kernel gives to connections.
"""

from __future__ import annotations

import os
import socket

FIRST, ALL = 20_000, 12_000
"""From 20 000 on, shared by all processes: they stay below 32 768, where Linux' own choice begins."""
_next = 0


def free_port() -> int:
    """A port free for UDP and TCP at the moment, not given before until all were."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """`count` consecutive such ports."""
    global _next
    each = ALL // (int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")) + 1)
    begin = FIRST + each * _process()
    for _ in range(each):
        first = begin + _next % (each - count)
        _next = _next % (each - count) + count
        if all(_free(port) for port in range(first, first + count)):
            return list(range(first, first + count))
    raise AssertionError(f"no {count} consecutive free ports from {begin} on")


def _process() -> int:
    """0 for a test run of one process, 1 and so on for the processes of pytest-xdist."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1


def _free(port: int) -> bool:
    with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        try:
            stream.bind(("127.0.0.1", port))
            datagram.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
