"""Where junk goes: real sockets that are read as the scenario says, and the machine told of each read.

Verdicts are carried out before sinks are drained, so what the machine has accepted lies in the socket by then.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from nodes.config import Reader, Sink
from nodes.container.classify import endpoints
from nodes.container.flows import Flows
from nodes.container.http import Exchange
from nodes.errors import UsageError

_SO_RCVBUFFORCE = 33
_BACKLOG = 1024
_CHUNK_BYTES = 65_536


class Sinks:
    """The junk sockets at `address`. `on_read(socket)` is called after all that waited in a machine socket was read."""

    def __init__(self, address: str, flows: Flows, on_read: Callable[[int], None]) -> None:
        self._address, self._flows, self._on_read = address, flows, on_read
        self._bound: list[socket.socket] = []
        self._open: dict[int, _Inlet] = {}
        self._waiting: set[int] = set()
        self._paused: list[tuple[socket.socket, Sink]] = []
        self._chunk = bytearray(_CHUNK_BYTES)
        self.rcvbufs: dict[int, int] = {}
        """Receive buffer of each port as the kernel has it, in the unit it is asked in (the kernel keeps the double)."""

    def open(self, sink: Sink) -> None:
        """Opens all sockets of `sink`. Raises UsageError when a port is taken or cannot be."""
        for port in range(sink.port, sink.port + sink.sockets):
            try:
                self._open_port(sink, port)
            except (OSError, OverflowError) as error:
                reason = error.strerror if isinstance(error, OSError) else "ports end at 65535"
                raise UsageError(f"no {sink.kind} sink on {self._address}:{port}: {reason}") from None

    def drain(self, app_running: bool) -> None:
        """Reads what may be read now: `fast` sinks always, `app` sinks while the application runs."""
        flows = self._flows
        while flows.reset:
            self._close(flows.reset.pop())
        if flows.filled:
            self._waiting |= flows.filled
            flows.filled.clear()
        for number in list(self._waiting):
            inlet = self._open.get(number)
            if inlet is None or (inlet.reader == "app" and not app_running):
                continue  # not accepted yet, or not now: it waits
            self._waiting.discard(number)
            if inlet.reader != "stalled":
                self._empty(number, inlet)

    def close(self) -> None:
        """Closes everything, the machine's sockets with it: what lay in them is free. Then sinks may be opened again."""
        self._paused.clear()
        for bound in self._bound:
            asyncio.get_running_loop().remove_reader(bound)
            bound.close()
        for inlet in list(self._open.values()):
            inlet.close()
        self._flows.close_all()
        self._bound.clear()
        self._open.clear()
        self._waiting.clear()

    def _open_port(self, sink: Sink, port: int) -> None:
        kind = socket.SOCK_DGRAM if sink.kind == "udp" else socket.SOCK_STREAM
        bound = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
        self._bound.append(bound)
        if sink.kind != "udp":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.rcvbufs[port] = _set_rcvbuf(bound, sink.rcvbuf_bytes)
        bound.bind((self._address, port))
        if sink.kind == "udp":
            number = self._flows.open_udp(port, sink.rcvbuf_bytes)
            self._open[number] = _Inlet(bound, sink.reader, None, lambda: None)
            return
        bound.listen(_BACKLOG)
        self._flows.listen(port, sink.rcvbuf_bytes)
        asyncio.get_running_loop().add_reader(bound, self._accept, bound, sink)

    def _accept(self, listener: socket.socket, sink: Sink) -> None:
        # Accepting is the harness's part and never stalls; reading is the application's.
        try:
            connection, peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # no descriptor is left: the backlog waits until a connection ends
            asyncio.get_running_loop().remove_reader(listener)
            self._paused.append((listener, sink))
            return
        connection.setblocking(False)
        key = endpoints(peer, connection.getsockname())
        number = self._flows.accepted(key)
        if number is None:
            connection.close()
            return
        exchange = Exchange() if sink.kind == "http" else None
        self._open[number] = _Inlet(connection, sink.reader, exchange, lambda: self._hang_up(number, key))
        self._waiting.add(number)

    def _hang_up(self, number: int, key: bytes) -> None:
        self._open.pop(number, None)
        self._flows.close_tcp(key)
        while self._paused:
            listener, sink = self._paused.pop()
            asyncio.get_running_loop().add_reader(listener, self._accept, listener, sink)

    def _close(self, number: int) -> None:
        self._waiting.discard(number)
        if number in self._open:
            self._open[number].close()

    def _empty(self, number: int, inlet: _Inlet) -> None:
        alive = inlet.read_all(self._chunk)
        self._on_read(number)
        if not alive:
            inlet.close()


class _Inlet:
    """One real socket that junk arrives in."""

    def __init__(
        self, sock: socket.socket, reader: Reader, exchange: Exchange | None, on_close: Callable[[], None]
    ) -> None:
        self.reader = reader
        self._socket, self._exchange, self._on_close = sock, exchange, on_close
        self._stream = sock.type == socket.SOCK_STREAM

    def read_all(self, chunk: bytearray) -> bool:
        """Takes everything that waits; False when the peer is gone or would not take an answer."""
        while True:
            try:
                size = self._socket.recv_into(chunk)
                if not self._stream:
                    continue
                if not size:
                    return False
                if self._exchange is not None and not self._answer(self._exchange, bytes(chunk[:size])):
                    return False
            except BlockingIOError:
                return True
            except OSError:
                return False

    def close(self) -> None:
        self._socket.close()
        self._on_close()

    def _answer(self, exchange: Exchange, data: bytes) -> bool:
        answer = exchange.feed(data)
        return self._socket.send(answer) == len(answer) and not exchange.closed if answer else True


def _set_rcvbuf(sock: socket.socket, rcvbuf_bytes: int) -> int:
    """Asks for `rcvbuf_bytes` (rmem_max overridden where NET_ADMIN allows) and answers what came of it."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, rcvbuf_bytes)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf_bytes)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
