"""Measures a round trip: how long a TCP connect takes, which the other kernel answers without any program's help."""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import time

from nodes.errors import HarnessError


async def rtt_ns_p50(host: str, port: int, count: int = 5, deadline_s: float = 5.0) -> int:
    """The median of `count` connects to `host` (an address) and `port`, ns. Raises HarnessError when they are refused,
    or not all done within `deadline_s`."""
    assert count > 0
    try:
        async with asyncio.timeout(deadline_s):
            times = [await _connect_ns(host, port) for _ in range(count)]
    except TimeoutError:
        raise HarnessError(f"{count} connects to {host}:{port} took more than {deadline_s:g} s") from None
    except OSError as error:
        raise HarnessError(f"no connection to {host}:{port}: {os.strerror(error.errno or 0)}") from None
    return round(statistics.median(times))


async def _connect_ns(host: str, port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        start_ns = time.monotonic_ns()
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
        return time.monotonic_ns() - start_ns
