"""A controller that serves says so again when another's last will says that it does not: one cut off may die late."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from controller.api import CONTROLLER_STATUS, ControllerStatus
from controller.bus.mqtt import Bus
from nodes.errors import HarnessError


class Staying:
    """Hears what is said of the controller, and answers what is not true."""

    def __init__(self, bus: Bus, status: Callable[[], ControllerStatus]) -> None:
        self._bus, self._status, self._denied = bus, status, asyncio.Event()
        bus.route(CONTROLLER_STATUS, ControllerStatus, self._hear)

    def _hear(self, where: str, status: ControllerStatus) -> None:
        if status.state != "online" and not self._bus.leaving:
            self._denied.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._denied.wait()
            self._denied.clear()
            try:
                await self._bus.publish(CONTROLLER_STATUS, self._status(), retain=True)
            except HarnessError as error:  # the next connection says it anyway
                print(f"netreserve: {error}", file=sys.stderr)
