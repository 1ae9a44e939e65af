"""Runs whose results are not there yet: when they will be, and waiting for them."""

from __future__ import annotations

import asyncio

from controller.api import Show, State, Unfinished
from controller.cli.console import say
from controller.cli.session import accepted, ask, client, converse
from nodes.errors import NetreserveError
from nodes.units import SECOND_NS, format_ns

LOOK_S = 1.0
NOTICED_S = 3.0
"""So long after its start a flood may go on without a run of its own: the controller asks Locust a few times a second."""


def when_there(run: str) -> str:
    """When the result of `run` will be there, and how to wait for it: a clause."""
    try:
        return _due(run) or "its controller does not know it any more: look again"
    except NetreserveError as error:
        return f"its controller does not answer ({error}); when it starts again, it closes the run"


def still_due(run: str) -> str:
    """The same; empty when no controller works on it."""
    try:
        return _due(run)
    except NetreserveError:
        return ""


def _due(run: str) -> str:
    found = _of(ask(Show()), run)
    return f"{_told(found)}; `netreserve report {run} --wait` waits for it" if found else ""


def wait_for(run: str) -> None:
    """Until `run`, or with "" all that goes on, has its result and report; tells on stderr what it waits for."""
    converse(_wait(run))


async def _wait(run: str) -> None:
    told, looked_s = "", 0.0
    async with client() as conversation:
        while True:
            state = accepted(await conversation.ask(Show()))
            assert isinstance(state, State)
            found = _of(state, run)
            unnoticed = not run and state.flood.startswith("running") and looked_s < NOTICED_S
            if found is None and not unnoticed:
                return
            if found is not None and found.doing != told:
                told = found.doing
                say(f"run {found.run}: {_told(found)}")
            await asyncio.sleep(LOOK_S)
            looked_s += LOOK_S


def _of(state: State, run: str) -> Unfinished | None:
    return next((item for item in reversed(state.unfinished) if run in ("", item.run)), None)


def _told(item: Unfinished) -> str:
    return f"{item.doing}: its result is there in {format_ns(-(-item.left_ns // SECOND_NS) * SECOND_NS)} at the soonest"
