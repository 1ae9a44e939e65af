"""Waiting for a guest that boots, and what to do about one that does not."""

from __future__ import annotations

import asyncio

from nodes.errors import HarnessError, LackingError, UsageError
from nodes.kernel.accelerator import READY_S
from nodes.kernel.console import Console
from nodes.kernel.qemu import Qemu
from nodes.units import format_bytes

_TARGET = "see whether the target is up (netreserve ps, docker compose logs target)"
_SWITCH = "that kernel, or its module, cannot do this: another kernel, or a policy without it"
_HINTS = {
    "target": _TARGET,
    "handshake": _TARGET,
    "module": "that kernel and its folder do not match: make the image again (netreserve up --kernel 1 --build), or add a"
    " kernel of your own again (python -m nodes.kernel.image add)",
    "eth0": "that kernel's driver finds no such card: another nic, or another kernel",
    "head_reserve": _SWITCH,
    "sender_memalloc": _SWITCH,
    "iface": _SWITCH,
}
"""The first word of init's failure (guest/*.c) -> what to do."""
_ANYTHING = "the console log has more; another kernel, or the image made again, may help"


async def until_ready(what: str, console: Console, qemu: Qemu, patience: float, memory_bytes: int = 0) -> None:
    """Waits until init says READY. `what` is who did not start, `memory_bytes` what somebody chose for it (0: nobody did).

    Raises LackingError with init's own words when it says why it cannot be set up, UsageError when the console shows that
    `memory_bytes` are too little, HarnessError with its last words when it ends or takes too long without a reason.
    """
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
    if why == "":
        return
    if memory_bytes and console.out_of_memory:
        raise UsageError(
            f"{what} did not start: {console.out_of_memory}; {format_bytes(memory_bytes)} of memory are too little for this"
            " kernel: a larger nodes.initiator.memory is needed"
        )
    if why:
        raise LackingError(f"{what} did not start: {why}; {_HINTS.get(why.split()[0].rstrip(':'), _ANYTHING)}")
    why = "it ended" if gone else f"it was not ready after {limit_s:g} s"
    raise HarnessError(f"{what} did not start: {why}; its last words: {console.last_words}")
