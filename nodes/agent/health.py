"""The container's health check: one question to its process over a unix socket, answered at once or not at all.

The socket's address is abstract: no file, one per network namespace, gone with its process. A process that hangs does not
answer and so is unhealthy.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping

TIMEOUT_S = 2.0
"""An agent whose event loop is stuck this long is not well (own)."""


def health_address(env: Mapping[str, str]) -> str:
    """Where the agent with this environment listens. Only a named node is told from others of its namespace."""
    return f"\0netreserve-agent/{env.get('NETRESERVE_NODE', '')}"


async def serve_health(address: str, ailment: Callable[[], str]) -> asyncio.Server:
    """Answers every connection with `ailment()`: one line, empty for healthy. The caller closes the server."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ailment().encode() + b"\n")
        writer.close()

    return await asyncio.start_unix_server(answer, address)


def ask_health(address: str, timeout_s: float = TIMEOUT_S, who: str = "agent") -> str:
    """What ails `who` at `address`; empty for healthy. Never raises."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(address)
            with connection.makefile() as answer:
                line = answer.readline()
    except TimeoutError:
        return f"the {who} does not answer within {timeout_s:g} s"
    except OSError:
        return f"no {who} runs here"
    return line.strip() if line else f"the {who} hung up"
