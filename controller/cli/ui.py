"""`netreserve ui`: the page, of the testbed that is up, or served here."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.console import Json, print_json, say
from controller.cli.runs import Runs
from controller.cli.session import database_url, runs_folder

if TYPE_CHECKING:
    from controller.web.guard import Door

PORT = 8090
LOOPBACK = "127.0.0.1"


def ui(
    port: Annotated[int, typer.Option(help="Where to serve; 0 takes any that is free.", min=0, max=65535)] = PORT,
    host: Annotated[
        str, typer.Option(help="Another address than loopback opens the page to other machines.")
    ] = LOOPBACK,
    open_it: Annotated[bool, typer.Option("--open/--no-open", help="Show it in a browser.")] = True,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Open the page: watch a machine drown and come back, live, recorded or simulated.

    It is served here, for recorded runs and simulations, until Ctrl-C; nothing but Python is needed.

    Example: netreserve ui
    """
    _serve(host, port, runs_folder(runs), open_it, json=json)


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
