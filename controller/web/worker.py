"""A process of the simulator beside the server, and what it says (controller.web.simulator)."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import msgspec

from controller.web.tasks import Said, Task
from nodes.errors import HarnessError, LackingError

SIMULATOR = (sys.executable, "-m", "controller.web.simulator")
LINE_BYTES_MAX = 64 << 20
"""What a second of 512 machines takes, and a close-up of 2,000 steps (own)."""


async def spoken(task: Task) -> AsyncIterator[Said]:
    """Everything that a process for `task` says, until it ends; it ends with us. Raises LackingError where none can be had,
    HarnessError for one that failed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *SIMULATOR,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES_MAX,
            start_new_session=True,  # Ctrl-C on a terminal is for the server
        )
    except OSError as error:
        raise LackingError(f"no process for a simulation: {error.strerror}") from None
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    try:
        process.stdin.write(msgspec.msgpack.encode(task))
        process.stdin.close()
        async for line in process.stdout:
            yield msgspec.json.decode(line, type=Said)
        if code := await process.wait():
            lines = (await errors).decode(errors="replace").strip().splitlines()
            raise HarnessError(f"the simulation failed: {lines[-1] if lines else f'its process ended with {code}'}")
    finally:
        errors.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
