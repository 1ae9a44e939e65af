"""QEMU's monitor: what is asked of a running QEMU. The only place that imports qemu.qmp."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress

from qemu.qmp import QMPClient
from qemu.qmp.error import QMPError

from nodes.errors import HarnessError

ANSWER_S = 10.0
"""A monitor answers at once; with the machine's cores taken by others it may have to wait for one (own)."""

logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)  # a QEMU that has ended is told by its exit code


class Monitor:
    """One QEMU's monitor. Raises HarnessError when QEMU refuses or does not answer within ANSWER_S."""

    def __init__(self) -> None:
        self._client = QMPClient("netreserve")

    async def open(self, end: socket.socket) -> None:
        """Greets QEMU, which has the other end."""
        await _answered("the greeting", self._client.connect(end))

    async def send_break(self, channel: str) -> None:
        """A BREAK on the serial line that is the chardev `channel`."""
        await self._execute("chardev-send-break", {"id": channel})

    async def status(self) -> str:
        """QEMU's word for what the guest does: `running`, `paused`, `guest-panicked`, ..."""
        answer = await self._execute("query-status")
        return str(answer["status"]) if isinstance(answer, dict) else str(answer)

    async def close(self) -> None:
        """Hangs up; a QEMU that has ended meanwhile is not an error."""
        with suppress(QMPError, EOFError, OSError, TimeoutError):
            await asyncio.wait_for(self._client.disconnect(), ANSWER_S)

    async def _execute(self, command: str, arguments: dict[str, object] | None = None) -> object:
        return await _answered(command, self._client.execute(command, arguments))


async def _answered(what: str, question: object) -> object:
    try:
        return await asyncio.wait_for(question, ANSWER_S)  # type: ignore[arg-type]
    except TimeoutError:
        raise HarnessError(f"QEMU did not answer to {what} within {ANSWER_S:g} s") from None
    except (QMPError, EOFError, OSError) as error:
        raise HarnessError(f"QEMU's monitor failed at {what}: {error or type(error).__name__}") from None
