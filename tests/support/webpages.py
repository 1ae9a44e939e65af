"""The page's server on a port of its own, in a thread, and a client that sends exactly what a test says."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clirunner import SCENARIO

from controller.web.app import application
from controller.web.guard import Door
from controller.web.house import House
from controller.web.serving import Server, listening

SAME = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a request of the page itself."""


@dataclass(frozen=True)
class Heard:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        told = self.json
        assert list(told) == ["error"], told
        return str(told["error"])


class Page:
    """A server at `port`, seen from outside."""

    def __init__(self, port: int, door: Door, house: House) -> None:
        self.port, self.door, self.house = port, door, house

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Heard:
        """One request as it is given: a header's `_` stands for `-`; `Host=""` leaves it out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        host = named.pop("Host", f"127.0.0.1:{self.port}")
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in ({"Host": host} if host else {}).items() | named.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Heard(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def get(self, path: str, **headers: str) -> Heard:
        return self.ask("GET", path, **headers)

    def post(self, path: str, told: object = None, method: str = "POST", **headers: str) -> Heard:
        """As the page does: with its token."""
        body = told if isinstance(told, bytes) else json.dumps(told or {}).encode()
        return self.ask(method, path, body, **{"X-Netreserve-Token": self.door.token, **headers})


def house_of(runs: Path) -> House:
    """With a gallery of a single scenario, `tiny`: the real one takes half a second to read."""
    gallery = runs.parent / "gallery"
    gallery.mkdir(exist_ok=True)
    (gallery / "tiny.yaml").write_text(SCENARIO)
    return House(runs, gallery=gallery)


@contextlib.contextmanager
def serving(runs: Path, door: Door | None = None, house: House | None = None, port: int = 0) -> Iterator[Page]:
    """A page of the runs in `runs` while the test needs it. `port`: which; 0 takes any."""
    door, house = door or Door.at("127.0.0.1"), house or house_of(runs)
    with listening("127.0.0.1", port) as listener:
        server = Server(application(house, door), house)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            yield Page(listener.getsockname()[1], door, house)
        finally:
            server.stop()
            thread.join()
