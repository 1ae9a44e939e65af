"""The page of a testbed, served by the controller's daemon in its own event loop."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from ipaddress import IPv4Network

from controller.service.daemon import Beside, Stage
from controller.web.app import application
from controller.web.guard import LOOPBACK, Door
from controller.web.house import House
from controller.web.live import Live
from controller.web.serving import Server, listening
from nodes.agent.tasks import end
from nodes.errors import LackingError, UsageError
from nodes.network.interfaces import interface_in

VARIABLE = "NETRESERVE_PAGE"


def page_of(environ: Mapping[str, str] = os.environ) -> Beside | None:
    """The page that NETRESERVE_PAGE asks for, `address:port` or `subnet:port` (whichever address of ours is in it); None
    where it is empty. Raises UsageError for what is neither."""
    text = environ.get(VARIABLE, "")
    if not text:
        return None
    place, _, port = text.rpartition(":")
    if not (place and port.isdecimal() and int(port) < 1 << 16):
        raise UsageError(f"{VARIABLE} is '{text}': an address or a subnet and a port are needed, e.g. 127.0.0.1:8090")
    host = _address_in(place) if "/" in place else place
    return lambda stage: serve(stage, host, int(port))


async def serve(stage: Stage, host: str, port: int) -> None:
    """Serves until cancelled. Raises LackingError for a port that is taken.

    What is published on loopback comes in at another address of a container, and its guard is that of loopback: only who
    shares that network can get around it, and nothing on it opens connections of its own (docs/adr/0004)."""
    live = Live(stage)
    house = House(stage.config.runs_folder, stage.config.database_url, live=live)
    with listening(host, port) as listener:
        server = Server(application(house, Door.at("127.0.0.1", LOOPBACK)), house)
        print(f"netreserve: the page is served on {host}:{listener.getsockname()[1]}", file=sys.stderr)
        told, served = asyncio.create_task(live.run()), asyncio.create_task(server.serve([listener]))
        try:
            done, _ = await asyncio.wait({told, served}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            server.stop()
            await asyncio.wait({served})
            await end(told)


def _address_in(subnet: str) -> str:
    try:
        network = IPv4Network(subnet)
    except ValueError as error:
        raise UsageError(f"{VARIABLE}: {error}") from None
    try:
        return interface_in(network).address
    except LackingError:
        raise UsageError(f"{VARIABLE}: no address of this machine is in {subnet}") from None
