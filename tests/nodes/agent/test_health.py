from __future__ import annotations

import asyncio
import socket

from nodes.agent.health import ask_health, health_address, serve_health

ADDRESS = health_address({"NETRESERVE_NODE": "nragent-health-test"})


async def test_the_answer_is_the_agents() -> None:
    ailment = ""
    server = await serve_health(ADDRESS, lambda: ailment)
    async with server:
        assert await asyncio.to_thread(ask_health, ADDRESS) == ""
        ailment = "broker broker:1883: gone"
        assert await asyncio.to_thread(ask_health, ADDRESS) == ailment
    assert ask_health(ADDRESS) == "no agent runs here"


def test_a_hung_agent_is_unhealthy() -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(ADDRESS)
        hung.listen()
        assert "does not answer" in ask_health(ADDRESS, timeout_s=0.05)


def test_nodes_of_one_namespace_have_addresses_of_their_own() -> None:
    assert health_address({}) != health_address({"NETRESERVE_NODE": "a"}) != health_address({"NETRESERVE_NODE": "b"})
