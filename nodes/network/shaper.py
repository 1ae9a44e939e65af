"""Runs `nodes.network.shaping` as a short-lived program: its memory is gone when the qdisc stands."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE

import msgspec
from msgspec import Struct

from nodes.config import Shape
from nodes.errors import HarnessError, LackingError

ANSWER_S = 20.0
"""How long the program may take, seconds: 0.3 s on an idle core, much more in a starved cgroup (own)."""


class Order(Struct, frozen=True, kw_only=True):
    """What is wanted: every value of `shape` is given. `netem` is what the last answer said; None: find out."""

    interface: str
    shape: Shape
    netem: bool | None = None


class Answer(Struct, frozen=True, kw_only=True):
    """What was read back. Values of `shape` that no qdisc does are None; `kind` is empty when none is installed."""

    netem: bool | None = None
    kind: str = ""
    shape: Shape = Shape()
    error: str = ""


async def order(wanted: Order) -> Answer:
    """Makes `wanted` true. Raises LackingError with the reason why it cannot be, HarnessError when the program fails."""
    command = (sys.executable, "-m", "nodes.network.shaping")
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        out, err = await asyncio.wait_for(process.communicate(msgspec.json.encode(wanted)), ANSWER_S)
    except TimeoutError:
        raise HarnessError(f"shaping {wanted.interface} took more than {ANSWER_S:g} s and was given up") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = err.decode(errors="replace").strip().rpartition("\n")[2]
        raise HarnessError(f"shaping {wanted.interface} failed (exit {process.returncode}): {last}")
    answer = msgspec.json.decode(out, type=Answer)
    if answer.error:
        raise LackingError(answer.error)
    return answer
