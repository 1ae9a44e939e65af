"""Under the application: a socket, and uvicorn in the event loop of whoever serves. The only importer of uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from controller.web.guard import Guard
from controller.web.house import House
from nodes.errors import LackingError, UsageError

CLOSE_S = 2
"""For answers under way when we end; streams are cut (own)."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes any that is free. Raises LackingError for a port that is taken, UsageError
    for a host that is not this machine's."""
    try:
        return socket.create_server((host, port), family=_family(host), backlog=128)
    except socket.gaierror:
        raise UsageError(
            f"--host {host}: no such name or address: 127.0.0.1 or an address of this machine is needed"
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise LackingError(
                f"port {port} of {host} is taken by another program: name a free one with --port"
            ) from None
        raise UsageError(
            f"--host {host} --port {port}: {error.strerror}: an address of this machine is needed"
        ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class Server(uvicorn.Server):
    """Serves `house` by `app` in an event loop that somebody else keeps; `serve` returns once `stop` was called."""

    def __init__(self, app: Guard, house: House) -> None:
        self._house = house
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,  # logging is for whoever keeps the process
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=CLOSE_S,
                lifespan="on",
                ws="none",
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for whoever keeps the loop."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams would never end by themselves."""
        self._house.leave()
        await super().shutdown(sockets)

    async def until_signalled(self, listener: socket.socket, ready: Callable[[], None]) -> None:
        """Serves until SIGINT or SIGTERM; `ready` is called once both are heard."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        ready()
        await self.serve([listener])

    def stop(self) -> None:
        """Streams end, answers under way are finished, and `serve` returns."""
        self.should_exit = True
