"""Commands to the guest's module, each in force when telemetry says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nodes.errors import HarnessError, LackingError
from nodes.kernel.channel import Channel, Stamped
from nodes.kernel.protocol import ControlName
from nodes.kernel.telemetry import Feed

ACK_S = 3.0
"""The module polls every 20 ms and answers with a line at once, also in a guest that hangs; the rest is for a host whose
cores are taken (own)."""
_POLL_S = 0.01


class Control:
    """The control channel of one guest, whose telemetry is `feed`. Commands must not overlap."""

    def __init__(self, feed: Feed, patience: float) -> None:
        self.channel = Channel(_ignore)
        self._feed, self._ack_s = feed, ACK_S * patience
        self._number = 0

    async def command(self, name: ControlName, value: int, holds: Callable[[], bool] = lambda: True) -> None:
        """Sends it, waits until it is acknowledged and `holds` is true of the telemetry. Raises LackingError when this
        kernel cannot do it, HarnessError when no answer comes."""
        self._number += 1
        number = self._number
        self.channel.send(f"{number} {name} {value}\n".encode())
        try:
            async with asyncio.timeout(self._ack_s):
                while not (self._feed.newest.ack >= number and holds()):
                    if self._feed.newest.nak >= number:
                        raise LackingError(f"this guest's kernel cannot do '{name} {value}'")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise HarnessError(f"the guest did not carry out '{name} {value}' within {self._ack_s:g} s") from None


def _ignore(line: Stamped) -> None:
    """The module says nothing on this channel."""
