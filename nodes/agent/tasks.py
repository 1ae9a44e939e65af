"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

_PATIENCE_S = 0.2
"""Before a task that is still there is cancelled again (own)."""


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels `tasks` until all have ended; what they raise is dropped.

    Once is not enough: up to Python 3.11, asyncio.wait_for loses a cancellation that coincides with its result.
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=_PATIENCE_S)
    await asyncio.gather(*tasks, return_exceptions=True)


async def race(*works: Coroutine[Any, Any, object]) -> None:
    """Runs `works` side by side until the first has ended, and ends the others. Raises what the first raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await end(*tasks)
