"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_S = 0.5


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels `tasks` and waits until all have ended, whatever with. Asks again when one goes on: before Python 3.12
    `asyncio.wait_for`, which aiomqtt uses too, loses a cancellation that comes together with its result."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)  # looked at, so that nobody complains of an unseen exception
