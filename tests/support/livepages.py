"""A page with a testbed behind it: the controller's daemon with scripted nodes serves it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from brokers import Broker
from freeports import free_port
from testbeds import Testbed, serving, whole_bed
from webpages import SAME, Heard, Page

from controller.service.daemon import Stage
from controller.web import daemon
from controller.web.guard import Door
from controller.web.house import House


class LivePage:
    """A page with a testbed behind it, asked from a thread, so that the daemon can answer."""

    def __init__(self, bed: Testbed, port: int) -> None:
        self.bed, self.port = bed, port
        self._page = Page(port, Door.at("127.0.0.1"), House(bed.runs))

    async def get(self, path: str, **headers: str) -> Heard:
        return await asyncio.to_thread(self._page.get, path, **headers)

    async def post(self, path: str, told: object = None) -> Heard:
        token = (await self.get("/api/token", **SAME)).json["token"]
        return await asyncio.to_thread(self._page.post, path, told, X_Netreserve_Token=token)

    async def hear(self, wanted: set[str], **headers: str) -> list[tuple[str, str, Any]]:
        """The stream, until a message of each of the wanted kinds has come."""
        return await asyncio.to_thread(self._hear, wanted, headers)

    def _hear(self, wanted: set[str], headers: dict[str, str]) -> list[tuple[str, str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/api/stream?run=live", headers=headers)
        answer, found, fields = connection.getresponse(), [], dict[str, str]()
        while wanted - {kind for _, kind, _ in found}:
            read = answer.readline()
            assert read, "the stream ended"
            line = read.decode().rstrip("\n")
            if ": " in line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif not line and "data" in fields:
                found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
                fields = {}
        answer.close()
        connection.close()
        return found


@contextlib.asynccontextmanager
async def live_page(broker: Broker, runs: Path) -> AsyncIterator[LivePage]:
    """While the test needs it; the nodes are there."""
    port = free_port()

    async def beside(stage: Stage) -> None:
        await daemon.serve(stage, "127.0.0.1", port)

    async with whole_bed(broker, runs, daemon=False) as bed, serving(bed.config, beside):
        await bed.settled()
        yield LivePage(bed, port)
