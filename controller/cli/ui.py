"""`netreserve ui`: the page, of the testbed that is up, or served here."""

from __future__ import annotations

import http.client
import json as jsontext
import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.console import Json, print_json, say
from controller.cli.runs import Runs
from controller.cli.session import database_url, runs_folder
from controller.here import testbed

if TYPE_CHECKING:
    from controller.web.guard import Door

PORT = testbed.PORTS["NETRESERVE_PAGE_PORT"]
LOOPBACK = "127.0.0.1"
ANSWER_S = 1.0
"""For a testbed's page on this machine to say what it is (own)."""


def ui(
    port: Annotated[
        int | None, typer.Option(help=f"Where to serve ({PORT}); 0 takes any that is free.", min=0, max=65535)
    ] = None,
    host: Annotated[
        str, typer.Option(help="Another address than loopback opens the page to other machines.")
    ] = LOOPBACK,
    open_it: Annotated[bool, typer.Option("--open/--no-open", help="Show it in a browser.")] = True,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Open the page: watch a machine drown and come back, live, recorded or simulated.

    A testbed that is up serves it: then that one is opened. Else, or with --port, --host or --runs, it is served here, for
    recorded runs and simulations, until Ctrl-C; nothing but Python is needed.

    Example: netreserve ui
    """
    if port is None and host == LOOPBACK and runs is None and (there := _of_the_testbed()):
        if json:
            print_json({"page": there, "token": ""})
        else:
            say(f"the testbed's page: {there}")
        _show(there, open_it)
        return
    _serve(host, PORT if port is None else port, runs_folder(runs), open_it, json=json)


def _of_the_testbed() -> str:
    """Where the testbed of this checkout serves its page; empty when none is up."""
    port = testbed.port_of("NETRESERVE_PAGE_PORT", testbed.settings())
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/health")
        told = jsontext.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return ""
    finally:
        connection.close()
    return f"http://{LOOPBACK}:{port}/" if isinstance(told, dict) and told.get("live") is True else ""


def _serve(host: str, port: int, folder: Path, open_it: bool, *, json: bool) -> None:
    import asyncio  # from here on: what only a server needs

    from controller.web.app import application
    from controller.web.guard import Door
    from controller.web.house import House
    from controller.web.serving import Server, listening

    door = Door.at(host)
    with listening(host, port) as listener:
        address = f"http://{_written(host)}:{listener.getsockname()[1]}/"
        if door.beyond:
            address += f"?token={door.token}"

        def ready() -> None:
            if json:
                print_json({"page": address, "token": door.token})
            else:
                _tell(host, address, door)
            _show(address, open_it)

        house = House(folder, database_url())
        asyncio.run(Server(application(house, door), house).until_signalled(listener, ready))


def _tell(host: str, address: str, door: Door) -> None:
    if door.beyond:
        say(f"{host}: other machines reach the page; who has its address may do with it what you may")
    else:
        say(f"for scripts, X-Netreserve-Token: {door.token}")
    say(f"the page: {address} (Ctrl-C ends it)")


def _written(host: str) -> str:
    """As it stands in an address; a name for "all addresses" leads to this machine."""
    if host in ("0.0.0.0", "::", ""):
        return LOOPBACK
    return f"[{host}]" if ":" in host else host


def _show(address: str, open_it: bool) -> None:
    """In a browser with windows: one that takes the terminal would keep us from serving. Where there is none, the address
    that was printed is enough."""
    if open_it and (sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        webbrowser.open(address)
