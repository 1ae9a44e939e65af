"""An initiator's arm at work in a namespace, asked from outside: apply, sample, events."""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection
from typing import Any

from netspaces import LEFT

from nodes.container.arm import InitiatorArm
from nodes.messages import Event
from nodes.network.interfaces import Interface


def serve_arm(connection: Connection) -> None:
    """For `netspaces.Remote`. Questions: ("apply", Desired), ("sample",), ("events",) (since the last time),
    ("close",)."""
    asyncio.run(_serve(connection))


async def _serve(connection: Connection) -> None:
    questions: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
    asyncio.get_running_loop().add_reader(connection.fileno(), lambda: questions.put_nowait(connection.recv()))
    arm, events = InitiatorArm("initiator-1", Interface("left", LEFT)), list[Event]()
    watching = asyncio.create_task(arm.run(events.append))
    try:
        while (question := await questions.get()) != ("close",):
            connection.send(await _answer(arm, events, question))
    finally:
        asyncio.get_running_loop().remove_reader(connection.fileno())
        watching.cancel()
        await arm.close()
        connection.send("closed")


async def _answer(arm: InitiatorArm, events: list[Event], question: tuple[Any, ...]) -> Any:
    match question:
        case ("apply", desired):
            return await arm.apply(desired)
        case ("sample",):
            return arm.sample()
        case ("status",):
            return arm.status()
        case ("events",):
            happened, events[:] = list(events), []
            return happened
    raise AssertionError(f"what is {question}?")
