"""The command line's talk with the controller: one question and its answer, or a conversation over a run."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from controller.cli.console import debugging
from controller.here import testbed
from nodes.errors import HarnessError, InconclusiveError, LackingError, NetreserveError, UsageError

if TYPE_CHECKING:  # whoever talks to a controller loads what that takes, nobody else
    from controller.api import Command, Failed, RunStarted, State
    from controller.bus.client import Client

T = TypeVar("T")
AGAIN_S = 1.0
"""For what was cancelled to end, before it is told again (own)."""
CREDENTIALS = ".operator.json"
"""In the runs folder, written by the testbed's credentials service for the owner of that folder."""


def runs_folder(given: Path | None = None) -> Path:
    """`--runs`, else NETRESERVE_RUNS, else `runs` in the checkout (in the present folder without one)."""
    if given is not None:
        return given
    if named := os.environ.get("NETRESERVE_RUNS"):
        return Path(named)
    try:
        return testbed.find_root() / "runs"
    except LackingError:
        return Path("runs")


def database_url() -> str:
    """NETRESERVE_DATABASE, as the controller is given it (the environment, else the checkout's .env); empty: SQLite in the
    runs folder."""
    return testbed.settings().get("NETRESERVE_DATABASE", "")


def broker() -> str:
    """`host:port` of the broker: NETRESERVE_BROKER, else where this checkout's testbed publishes it."""
    port = testbed.port_of("NETRESERVE_BROKER_PORT", testbed.settings())
    return os.environ.get("NETRESERVE_BROKER") or f"127.0.0.1:{port}"


def own_testbed() -> bool:
    """Whether the testbed is this checkout's, which we start and stop: a broker that you name is somebody's who does so."""
    return not os.environ.get("NETRESERVE_BROKER")


def client(runs: Path | None = None) -> Client:
    """A client in the operator's role; `async with` connects it."""
    from controller.bus.client import Client
    from nodes.agent.access import read_credentials

    return Client(broker(), read_credentials(runs_folder(runs) / CREDENTIALS))


def ask(command: Command) -> State:
    """The controller's answer to anything but StartRun. Raises what `Failed` stands for."""
    return converse(_ask(command))


def converse(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` in an event loop that keeps what breaks inside the MQTT library to itself: when a broker goes, the
    library's own callbacks fail, while we reconnect and tell of it ourselves. --debug shows it all."""
    import asyncio
    import logging

    async def insisted() -> T:
        """A cancellation is repeated until it is heard: `asyncio.wait_for`, on which the MQTT library waits, may swallow
        one in Python 3.11 (CPython issue 86296), and Ctrl-C would be lost."""
        task = asyncio.ensure_future(quietly())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            while not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=AGAIN_S)
            raise

    async def quietly() -> T:
        if not debugging():
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
            logging.getLogger("mqtt").setLevel(logging.CRITICAL)
        return await work

    return asyncio.run(insisted())


async def _ask(command: Command) -> State:
    from controller.api import State

    async with client() as conversation:
        answer = accepted(await conversation.ask(command))
    assert isinstance(answer, State), f"{type(command).__name__} was answered with {type(answer).__name__}"
    return answer


def accepted(answer: RunStarted | State | Failed) -> RunStarted | State:
    """`answer`, or the error that it tells of."""
    from controller.api import Failed

    if not isinstance(answer, Failed):
        return answer
    kinds: tuple[type[NetreserveError], ...] = (UsageError, LackingError, InconclusiveError, HarnessError)
    kind = next((kind for kind in kinds if kind.exit_code == answer.exit_code), HarnessError)
    raise kind(answer.message)
