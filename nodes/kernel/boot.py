"""Waiting for a guest that boots."""

from __future__ import annotations

import asyncio

from nodes.errors import HarnessError
from nodes.kernel.accelerator import READY_S
from nodes.kernel.console import Console
from nodes.kernel.qemu import Qemu


async def until_ready(what: str, console: Console, qemu: Qemu, patience: float) -> None:
    """Waits until init says READY. Raises HarnessError with the guest's own words when it does not come so far; `what` is
    who did not start."""
    limit_s = READY_S * patience
    ready = asyncio.create_task(console.ready())
    ended = asyncio.create_task(qemu.ended())
    await asyncio.wait((ready, ended), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    if not ready.done() and ended.done():
        await console.channel.drained()
        await asyncio.sleep(0)
    why, gone = ready.result() if ready.done() else None, ended.done()
    ready.cancel()
    ended.cancel()
    if why is None:
        why = "it ended" if gone else f"it was not ready after {limit_s:g} s"
        why += f"; its last words: {console.last_words}"
    if why:
        raise HarnessError(f"{what} did not start: {why}")
