"""A log's bytes as text in UTF-8, however it was packed and encoded: gzip, xz, bzip2, zstd; UTF-16; byte order marks."""

from __future__ import annotations

import bz2
import codecs
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from nodes.errors import HarnessError, UsageError

NO_LINE_BYTES_MAX = 16 << 20
"""So much without a line break is no log: /dev/zero never ends (own)."""
_PROBE_BYTES = 512


class _Unpacker(Protocol):
    """The standard library's way; `eof` and `unused_data` tell where a part ends, of which a file may have several."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _zstd() -> _Unpacker:
    try:
        import zstandard
    except ImportError:
        raise HarnessError("zstd is packed with the command line only: unpack the log first") from None
    return zstandard.ZstdDecompressor().decompressobj()


_PACKED: tuple[tuple[bytes, Callable[[], _Unpacker]], ...] = (
    (b"\x1f\x8b", lambda: zlib.decompressobj(wbits=31)),
    (b"\xfd7zXZ\x00", lzma.LZMADecompressor),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\x28\xb5\x2f\xfd", _zstd),
)
_MARKS = ((codecs.BOM_UTF8, ""), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same, unpacked. What a torn end has lost is left out. Raises UsageError for what is not packed as it says."""
    rest = iter(chunks)
    first = next(rest, b"")
    new = next((make for magic, make in _PACKED if first.startswith(magic)), None)
    if new is None:
        yield first
        yield from rest
        return
    unpacker, got = new(), False
    for chunk in _chain(first, rest):
        data = chunk
        while data:
            try:
                text = unpacker.decompress(data)
            except Exception as error:  # each library has its own
                if got:
                    return
                raise UsageError(f"it is packed and cannot be unpacked: {error}") from None
            got = got or bool(text)
            yield text
            data = unpacker.unused_data if unpacker.eof else b""
            if unpacker.eof:
                unpacker = new()


def as_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same in UTF-8, without a byte order mark."""
    rest = iter(chunks)
    first = next(rest, b"")
    mark, coding = next((pair for pair in _MARKS if first.startswith(pair[0])), (b"", _guessed(first)))
    if not coding:
        yield first[len(mark) :]
        yield from rest
        return
    decoder = codecs.getincrementaldecoder(coding)(errors="replace")
    for chunk in _chain(first[len(mark) :], rest):
        yield decoder.decode(chunk).encode()


def blocks(chunks: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """The same, cut at line breaks into pieces of about `size_bytes`. Raises UsageError where there are none for long."""
    held = b""
    for chunk in chunks:
        held, begin = held + chunk, 0
        while len(held) - begin >= size_bytes:
            end = held.rfind(b"\n", begin, begin + size_bytes) + 1 or held.find(b"\n", begin) + 1
            if not end:
                break
            yield held[begin:end]
            begin = end
        held = held[begin:]
        if len(held) > NO_LINE_BYTES_MAX:
            raise UsageError(f"this holds no kernel log: {NO_LINE_BYTES_MAX >> 20} MiB without a line break")
    if held:
        yield held


def _guessed(first: bytes) -> str:
    """UTF-16 without a mark: every other byte of plain English is 0."""
    probe = first[:_PROBE_BYTES]
    if len(probe) < 4 or probe.count(0) < len(probe) // 3:
        return ""
    even, odd = probe[::2].count(0), probe[1::2].count(0)
    return "utf-16-le" if odd > 4 * even + 1 else "utf-16-be" if even > 4 * odd + 1 else ""


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
