"""Swap over the network: libnbd on a TCP socket of our own, inside the event loop. The only importer of libnbd.

The socket is made here, not by libnbd, because it must carry the mark that tells block packets apart, and because
connecting must not block: the handshake's own packets wait in our NFQUEUE for this very process.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable, Sequence

from nodes.container.acks import AckCounter
from nodes.container.blocksocket import marked_socket
from nodes.container.classify import endpoints
from nodes.errors import LackingError, NetreserveError, UsageError
from nodes.machine.events import WRITE_HEADER_BYTES, Completed
from nodes.units import PAGE_BYTES, format_bytes

try:
    import nbd
except ImportError:
    nbd = None

CONNECT_TIMEOUT_S = 5.0
REPLIES_PER_ROUND = 64
"""Most replies taken before others get their turn: half a queue depth (own)."""
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.1, 2.0
_INT = struct.Struct("i")


def probe() -> None:
    """Raises LackingError when libnbd's Python module is not installed."""
    if nbd is None:
        raise LackingError("Python's libnbd module is missing: install python3-libnbd for this Python")


class NbdDisk:
    """A `Disk` on the NBD export at `host`:`port`. `open` makes the first connection; later ones come by themselves.

    `on_flow(endpoints, acks)` is called before each connect: packets with these endpoints are the block connection's,
    and their acknowledgement numbers go to `acks`.
    """

    def __init__(self, host: str, port: int, on_flow: Callable[[bytes, AckCounter], None]) -> None:
        probe()
        self.on_ready: Callable[[], None] = lambda: None
        self.on_lost: Callable[[str], None] = lambda reason: None
        self.local: tuple[str, int] = ("", 0)
        """Our end of the present connection."""
        self._host, self._port, self._on_flow = host, port, on_flow
        self._acks = AckCounter()
        self._connection: _Connection | None = None
        self._reconnecting: asyncio.Task[None] | None = None
        self._reconnected = False

    async def open(self, needed_bytes: int) -> None:
        """Connects. Raises LackingError when the target does not answer or the mark may not be set, UsageError when
        its disk is smaller than `needed_bytes`."""
        connection = await self._connect()
        size_bytes = connection.size_bytes
        if size_bytes < needed_bytes:
            connection.close()
            raise UsageError(
                f"the target's disk has {format_bytes(size_bytes)}, the working set needs {format_bytes(needed_bytes)}"
            )
        self._connection = connection

    def submit_write(self, requests: Sequence[int], offset_bytes: int, view: memoryview) -> None:
        if self._connection is not None:
            each = WRITE_HEADER_BYTES + PAGE_BYTES
            self._acks.sent(WRITE_HEADER_BYTES + len(view), each * len(requests))
            self._connection.write(requests, offset_bytes, view)

    def submit_read(self, requests: Sequence[int], offset_bytes: int, view: memoryview) -> None:
        if self._connection is not None:
            self._acks.sent(WRITE_HEADER_BYTES, WRITE_HEADER_BYTES * len(requests))
            self._connection.read(requests, offset_bytes, view)

    def take(self) -> list[Completed]:
        return [] if self._connection is None else self._connection.take()

    def take_reconnected(self) -> bool:
        reconnected, self._reconnected = self._reconnected, False
        return reconnected

    async def close(self) -> None:
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.gather(self._reconnecting, return_exceptions=True)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _connect(self) -> _Connection:
        where = f"storage target {self._host}:{self._port}"
        sock: socket.socket | None = None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                sock = await self._socket()
                connection = _Connection(sock, self._ready, self._lost)
                try:
                    await connection.negotiated
                except BaseException:
                    connection.close()
                    raise
        except TimeoutError:
            raise LackingError(f"{where} does not answer within {CONNECT_TIMEOUT_S:.0f} s") from None
        except OSError as error:
            raise LackingError(f"{where} cannot be reached: {_reason(error)}") from None
        except nbd.Error as error:
            raise LackingError(f"{where} cannot be reached: {error.string}") from None
        finally:
            if sock is not None:
                sock.close()
        self._acks.start()
        return connection

    async def _socket(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, family=socket.AF_INET, type=socket.SOCK_STREAM)
        target = (str(found[0][4][0]), self._port)
        sock = marked_socket(target)
        try:
            self.local, self._acks = sock.getsockname(), AckCounter()
            self._on_flow(endpoints(target, self.local), self._acks)
            await loop.sock_connect(sock, target)
        except BaseException:
            sock.close()
            raise
        return sock

    def _ready(self) -> None:
        self.on_ready()

    def _lost(self, reason: str) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self.on_lost(reason)
            self._reconnecting = asyncio.get_running_loop().create_task(self._reconnect())
            self._reconnecting.add_done_callback(_tell_fault)

    async def _reconnect(self) -> None:
        pause_s = BACKOFF_FIRST_S
        while True:
            try:
                self._connection = await self._connect()
            except NetreserveError:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, BACKOFF_LAST_S)
            else:
                self._reconnected = True
                self.on_ready()
                return


def _tell_fault(reconnecting: asyncio.Task[None]) -> None:
    """A task that died would leave the machine without a disk for ever, and nobody would know why."""
    error = None if reconnecting.cancelled() else reconnecting.exception()
    if error is not None:
        reconnecting.get_loop().call_exception_handler(
            {"message": "reconnecting to the storage target failed", "exception": error, "task": reconnecting}
        )


class _Connection:
    """One libnbd handle on one connected socket (that it takes over), fed by the loop."""

    def __init__(self, sock: socket.socket, on_ready: Callable[[], None], on_lost: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.negotiated: asyncio.Future[None] = self._loop.create_future()
        self._on_ready, self._on_lost = on_ready, on_lost
        self._done: list[Completed] = []
        self._writing = False
        self._handle = _plain_handle()
        self._fd = sock.detach()
        self._handle.aio_connect_socket(self._fd)
        self._loop.add_reader(self._fd, self._readable)
        self._settle()  # a quick server may have said everything already

    @property
    def size_bytes(self) -> int:
        return int(self._handle.get_size())

    def write(self, requests: Sequence[int], offset_bytes: int, view: memoryview) -> None:
        self._submit(self._handle.aio_pwrite, requests, offset_bytes, view)

    def read(self, requests: Sequence[int], offset_bytes: int, view: memoryview) -> None:
        self._submit(self._handle.aio_pread, requests, offset_bytes, view)

    def take(self) -> list[Completed]:
        taken = self._done[:]
        self._done.clear()
        return taken

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._fd = -1
            if self._handle.aio_is_ready():
                self._handle.aio_disconnect()
            self._handle = None  # libnbd closes the socket with its last reference; it has no call for it
        self.negotiated.cancel()

    def _submit(
        self, issue: Callable[..., object], requests: Sequence[int], offset_bytes: int, view: memoryview
    ) -> None:
        done = self._done

        def completed(error: object) -> int:
            # libnbd holds its lock here: nothing may be asked of it, only noted.
            number = int(getattr(error, "value", error))  # type: ignore[call-overload]
            done.extend(Completed(request, number) for request in requests)
            return 1

        try:
            issue(view, offset_bytes, completed)
        except nbd.Error as error:
            self._loop.call_soon(self._fail, str(error.string))
            return
        self._watch()
        if done:
            self._loop.call_soon(self._on_ready)

    def _readable(self) -> None:
        self._advance(nbd.AIO_DIRECTION_READ, self._handle.aio_notify_read)

    def _writable(self) -> None:
        self._advance(nbd.AIO_DIRECTION_WRITE, self._handle.aio_notify_write)

    def _advance(self, direction: int, notify: Callable[[], object]) -> None:
        try:
            self._notify(direction, notify)
        except nbd.Error as error:
            self._fail(str(error.string))
            return
        self._settle()

    def _settle(self) -> None:
        """Looks at what came of the last call, and asks the loop for what libnbd waits for now."""
        if self._handle.aio_is_dead() or self._handle.aio_is_closed():
            self._fail("the target closed the connection")
            return
        self._watch()
        if not self.negotiated.done() and self._handle.aio_is_ready():
            self.negotiated.set_result(None)
        if self._done:
            self._on_ready()

    def _notify(self, direction: int, notify: Callable[[], object]) -> None:
        # libnbd takes one reply a call; another call is cheaper than a round of the loop. Only when something has come:
        # told to read in vain, libnbd waits inside the reply and sends nothing more.
        rounds = REPLIES_PER_ROUND if direction == nbd.AIO_DIRECTION_READ else 1
        while rounds and self._handle.aio_get_direction() & direction:
            notify()
            rounds -= 1
            # Closed or dead, it has no direction, and no descriptor to ask either.
            if rounds and self._handle.aio_get_direction() and not _waiting_bytes(self._fd):
                return

    def _fail(self, reason: str) -> None:
        if self._fd < 0:
            return
        self._done.clear()  # all that is in flight is sent again on the next connection
        if self.negotiated.done():
            self._on_lost(reason)
        else:
            self.negotiated.set_exception(ConnectionError(reason))

    def _watch(self) -> None:
        writing = bool(self._handle.aio_get_direction() & nbd.AIO_DIRECTION_WRITE)
        if writing != self._writing:
            self._writing = writing
            if writing:
                self._loop.add_writer(self._fd, self._writable)
            else:
                self._loop.remove_writer(self._fd)


def _waiting_bytes(descriptor: int) -> int:
    return int(_INT.unpack(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(_INT.size)))[0])


def _reason(error: OSError) -> str:
    # asyncio puts addresses of its own where the kernel's words would stand.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)


def _plain_handle() -> nbd.NBD:
    """A handle that speaks the oldest wire form: the 28-byte requests and 16-byte replies that the machine counts."""
    handle = nbd.NBD()
    handle.set_request_structured_replies(False)
    if hasattr(handle, "set_request_extended_headers"):  # libnbd 1.18
        handle.set_request_extended_headers(False)
    if hasattr(handle, "set_pread_initialize"):  # libnbd 1.12: every page is verified, zeroing it first is waste
        handle.set_pread_initialize(False)
    return handle
