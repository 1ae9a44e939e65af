"""A small NBD client (newstyle, no structured replies) whose every request is in the test's hands."""

from __future__ import annotations

import asyncio
import struct
from types import TracebackType

PAGE = 4096
_REQUEST = struct.Struct(">IHHQQI")
_READ, _WRITE = 0, 1


class NbdClient:
    """One connection to 127.0.0.1:`port`; one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> NbdClient:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self._reader.readexactly(18)  # NBDMAGIC IHAVEOPT flags
        option = struct.pack(">8sII", b"IHAVEOPT", 7, 6) + struct.pack(">IH", 0, 0)  # GO, default export
        self._writer.write(struct.pack(">I", 3) + option)
        while True:
            _, _, kind, length = struct.unpack(">QIII", await self._reader.readexactly(20))
            await self._reader.readexactly(length)
            if kind == 1:  # ACK
                return self
            assert kind == 3, f"option reply {kind:#x}"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def write(self, page: int, data: bytes = b"x" * PAGE) -> int:
        """Writes a page; the errno of the answer."""
        self._writer.write(_REQUEST.pack(0x25609513, 0, _WRITE, 1, page * PAGE, len(data)) + data)
        return await self._answer()

    async def read(self, page: int) -> bytes:
        """Reads a page, which must succeed."""
        self._writer.write(_REQUEST.pack(0x25609513, 0, _READ, 1, page * PAGE, PAGE))
        error = await self._answer()
        assert error == 0, f"errno {error}"
        return await self._reader.readexactly(PAGE)

    async def _answer(self) -> int:
        magic, error, _ = struct.unpack(">IIQ", await self._reader.readexactly(16))
        assert magic == 0x67446698, "a simple reply"
        return int(error)
