"""A real mosquitto with the project's own configuration, accounts and rights, on a free loopback port."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiomqtt
from freeports import free_port
from requirements import require, require_programs

from nodes.agent.access import Credentials, read_credentials

COMPOSE = Path(__file__).parents[2] / "compose"
DEADLINE_S = 10.0


async def until(condition: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
    """What `condition()` answers as soon as that is true. Fails after the deadline."""
    async with asyncio.timeout(deadline_s):
        while not (answer := condition()):
            await asyncio.sleep(0.005)
        return answer


def make_credentials(folder: Path) -> None:
    """Runs compose/credentials.sh with all its folders below `folder`. It gives files to mosquitto, so it needs root."""
    require_programs("mosquitto", "mosquitto_passwd")
    require(os.geteuid() == 0, "needs root: the broker's files must belong to mosquitto")
    (folder / "runs").mkdir(exist_ok=True)
    env = os.environ | {"CREDENTIALS": str(folder), "RUNS": str(folder / "runs")}
    subprocess.run([COMPOSE / "credentials.sh"], env=env, check=True, capture_output=True, text=True)


class Broker:
    """mosquitto on 127.0.0.1:`port`, which keeps retained messages over `restart`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nragent-broker-"))
        self.folder.chmod(0o755)
        make_credentials(self.folder)
        self.port = free_port()
        account = pwd.getpwnam("mosquitto")
        (self.folder / "data").mkdir()
        os.chown(self.folder / "data", account.pw_uid, account.pw_gid)
        self._conf = self.folder / "mosquitto.conf"
        self._conf.write_text(self._configuration())
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts it and waits until it listens."""
        self._process = subprocess.Popen(["mosquitto", "-c", str(self._conf)], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + DEADLINE_S
        while True:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, "mosquitto ended at once"
            assert time.monotonic() < deadline, "mosquitto does not listen"
            time.sleep(0.01)

    def stop(self) -> None:
        """Ends it as `docker stop` does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(DEADLINE_S)

    def forget(self) -> None:
        """Everything retained, while it is stopped: as one that crashed before it ever saved."""
        for file in (self.folder / "data").iterdir():
            file.unlink()

    def remove(self) -> None:
        """Ends it and deletes all it had."""
        self.stop()
        shutil.rmtree(self.folder)

    def account(self, role: str) -> Credentials:
        """The credentials of `role`."""
        file = "runs/.operator.json" if role == "operator" else f"{role}/credentials.json"
        return read_credentials(self.folder / file)

    def client(self, role: str, name: str) -> aiomqtt.Client:
        """A plain client with `role`'s account."""
        account = self.account(role)
        return aiomqtt.Client(
            "127.0.0.1",
            self.port,
            identifier=name,
            username=account.username,
            password=account.password,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    def _configuration(self) -> str:
        lines = (COMPOSE / "mosquitto.conf").read_text()
        lines = lines.replace("listener 1883", f"listener {self.port} 127.0.0.1")
        lines = lines.replace("/credentials/broker", str(self.folder / "broker"))
        return lines.replace("/var/lib/mosquitto/", f"{self.folder / 'data'}/")


class Ear:
    """Collects what a controller hears: `heard` is a list of (topic, decoded JSON), retained messages included."""

    def __init__(self, client: aiomqtt.Client, topics: str) -> None:
        self.client, self._topics = client, topics
        self.heard: list[tuple[str, Any]] = []

    async def __aenter__(self) -> Ear:
        await self.client.__aenter__()
        await self.client.subscribe(self._topics, qos=1)
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *error: Any) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.client.__aexit__(None, None, None)

    def of(self, leaf: str) -> list[Any]:
        """Everything heard on topics that end with `leaf`."""
        return [message for topic, message in self.heard if topic.endswith(f"/{leaf}")]

    async def _listen(self) -> None:
        async for message in self.client.messages:
            with suppress(ValueError, RecursionError):  # unreadable on purpose, or a retained message taken back
                self.heard.append((str(message.topic), json.loads(bytes(message.payload))))  # type: ignore[arg-type]
