from __future__ import annotations

import asyncio
import socket

import pytest

from nodes.errors import HarnessError
from nodes.network.probe import rtt_ns_p50


async def test_loopback_answers_in_less_than_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert 0 < await rtt_ns_p50("127.0.0.1", server.getsockname()[1], deadline_s=2) < 2_000_000_000


async def test_a_closed_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(HarnessError, match=f"no connection to 127.0.0.1:{port}: .*refused"):
        await rtt_ns_p50("127.0.0.1", port)


async def test_silence_ends_at_the_deadline() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with pytest.raises(HarnessError, match=r"more than 0.2 s"):  # the backlog fills; then SYNs are not answered
            await asyncio.wait_for(rtt_ns_p50("127.0.0.1", full.getsockname()[1], count=50, deadline_s=0.2), 5)
