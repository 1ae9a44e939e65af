"""The process of a node's container: `python -m nodes` is the agent, `python -m nodes health` its health check."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from nodes.agent.health import ask_health, health_address
from nodes.errors import NetreserveError, UsageError

if TYPE_CHECKING:
    from nodes.agent.settings import Settings
    from nodes.arm import Arm

UNHEALTHY = 1
"""What Docker calls an unhealthy exit code."""


def main(arguments: list[str]) -> int:
    """Runs the command; answers with the exit code (0, 1 for unhealthy, or those of `nodes.errors`)."""
    try:
        if arguments == ["health"]:
            return _health()
        if arguments:
            raise UsageError(f"unknown argument '{' '.join(arguments)}': nothing (the agent) or 'health' is needed")
        asyncio.run(_serve())
    except NetreserveError as error:
        print(f"netreserve: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _health() -> int:
    ailment = ask_health(health_address(os.environ))
    print(ailment or "healthy")
    return UNHEALTHY if ailment else 0


async def _serve() -> None:
    # Imported here to keep the health check, which runs every few seconds in every container, light.
    from nodes.agent.access import read_credentials
    from nodes.agent.bus import Bus
    from nodes.agent.health import serve_health
    from nodes.agent.loop import Agent
    from nodes.agent.settings import read_settings

    settings = read_settings(os.environ)
    credentials = read_credentials(settings.credentials) if settings.credentials else None
    node, arm = _arm(settings)
    agent = Agent(settings.role, node, arm, Bus(settings.broker, credentials, settings.role, node))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await serve_health(health_address(os.environ), agent.ailment)
    try:
        await agent.run(stop)
    finally:
        server.close()


def _arm(settings: Settings) -> tuple[str, Arm]:
    """The node's name, and the arm of its role and tier: the others' libraries need not be there."""
    from nodes.network.interfaces import data_subnet, interface_in, own_name

    interface = interface_in(data_subnet())
    node = settings.node or own_name(interface.address)
    if settings.role == "target":
        from nodes.target.arm import TargetArm

        return node, TargetArm(node, interface)
    if settings.tier == "kernel":
        from nodes.kernel.arm import KernelArm

        return node, KernelArm(node, interface)
    from nodes.container.arm import InitiatorArm

    return node, InitiatorArm(node, interface)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
