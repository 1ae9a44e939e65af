"""The file of an allocation trace: JSON Lines, compressed when the name ends in `.gz`.

The first line is the `Header`, every other an operation (`nodes.machine.allocators.recording`). The same trace gives the
same bytes. docs/reference/allocators.md has the format for readers.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import msgspec
from msgspec import Struct

from nodes.errors import HarnessError, UsageError
from nodes.machine.allocators.recording import DataTaken, HeadTaken, Operation, Recorder, Released
from nodes.units import PAGE_BYTES

VERSION = 1
FOLDER = "traces"
"""Of a run's folder: one file for each initiator."""
SUFFIX = ".jsonl.gz"


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose requests they are, and what memory they met."""

    netreserve_trace: int = VERSION
    scenario: str = ""
    node: str = ""
    policy: str = ""
    allocator: str = ""
    """That served them when they were recorded."""
    seed: int = 0
    memory_pages: int
    """All pages of the machine."""
    min_pages: int
    """Its min watermark when the recording ended, the policy's reserve included."""
    cpus: int
    end_ns: int
    """When the recording ended."""
    operations: int
    """Lines that follow."""
    missed: int = 0
    """Operations that came after the recording's limit and are not in the file."""


class Trace(Struct, frozen=True, kw_only=True):
    """A whole file."""

    header: Header
    operations: Sequence[Operation]


class TraceError(UsageError):
    """A file that is not a trace, or a damaged one: `file:line: what is wrong`."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")


def header_of(
    recorder: Recorder, *, end_ns: int, cpus: int, scenario: str, node: str, policy: str, allocator: str, seed: int
) -> Header:
    """The header that belongs to what `recorder` has."""
    return Header(
        scenario=scenario,
        node=node,
        policy=policy,
        allocator=allocator,
        seed=seed,
        memory_pages=recorder.pool.total,
        min_pages=recorder.pool.marks.min_pages,
        cpus=cpus,
        end_ns=end_ns,
        operations=len(recorder.operations),
        missed=recorder.missed,
    )


def write_trace(path: Path, header: Header, operations: Sequence[Operation]) -> None:
    """Writes the file, whole or not at all, and makes its folder. Raises HarnessError when it cannot be written."""
    half = path.with_name(path.name + ".part")
    encoder = msgspec.json.Encoder()
    lines = (encoder.encode(line) + b"\n" for line in (header, *operations))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with half.open("wb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
                    packed.writelines(lines)
            else:
                raw.writelines(lines)
        half.replace(path)
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror}") from None


def read_trace(path: Path) -> Trace:
    """Reads and checks a file. Raises TraceError (a UsageError) for the first line that is wrong, and says why."""
    lines = _numbered(path)
    number, first = next(lines, (1, b""))
    header = _header(path, number, first)
    check = _Check(path, header)
    decoder = msgspec.json.Decoder(Operation)
    operations: list[Operation] = []
    for number, line in lines:
        try:
            operation = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TraceError(path, number, f"no operation: {error}") from None
        check(number, operation)
        operations.append(operation)
    if len(operations) != header.operations:
        raise TraceError(
            path,
            number,
            f"{len(operations)} operations where line 1 promises {header.operations}: was the file cut off?",
        )
    return Trace(header=header, operations=operations)


def _header(path: Path, number: int, line: bytes) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TraceError(path, number, f"no allocation trace, whose first line is a header: {error}") from None
    if header.netreserve_trace != VERSION:
        raise TraceError(path, number, f"version {header.netreserve_trace} of the format, known is {VERSION}")
    if header.cpus < 1 or not 0 < header.min_pages < header.memory_pages:
        raise TraceError(path, number, "cpus must be at least 1, and min_pages between 1 and memory_pages")
    return header


def _numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        with _opened(path) as stream:
            for number, line in enumerate(stream, 1):
                yield number, line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise TraceError(path, number + 1, f"compressed data is damaged: {error}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


class _Check:
    """Do the operations follow from each other?"""

    def __init__(self, path: Path, header: Header) -> None:
        self._path, self._header = path, header
        self._seen: set[int] = set()
        self._live: set[int] = set()
        self._now_ns = 0

    def __call__(self, number: int, operation: Operation) -> None:
        wrong = self._wrong(operation)
        if wrong:
            raise TraceError(self._path, number, wrong)

    def _wrong(self, operation: Operation) -> str:
        before_ns, self._now_ns = self._now_ns, operation.t_ns
        if operation.t_ns < before_ns:
            return f"time runs backwards: {operation.t_ns} ns after {before_ns} ns"
        if not 0 <= operation.others <= self._header.memory_pages:
            return f"others is {operation.others}: 0 to {self._header.memory_pages} pages are possible"
        if isinstance(operation, Released):
            return self._wrong_release(operation)
        return self._wrong_request(operation)

    def _wrong_release(self, operation: Released) -> str:
        if operation.id not in self._live:
            return f"object {operation.id} is released, but not there"
        if not 0 <= operation.cpu < self._header.cpus:
            return f"cpu is {operation.cpu}: the machine has {self._header.cpus}, counted from 0"
        self._live.remove(operation.id)
        return ""

    def _wrong_request(self, operation: DataTaken | HeadTaken) -> str:
        if operation.id in self._seen:
            return f"object {operation.id} is asked for a second time"
        if isinstance(operation, DataTaken) and not 0 < operation.size_bytes <= PAGE_BYTES:
            return f"size_bytes is {operation.size_bytes}: 1 to {PAGE_BYTES} are possible"
        if isinstance(operation, HeadTaken) and operation.beside is not None and operation.beside not in self._live:
            return f"a head beside object {operation.beside}, which is not there"
        self._seen.add(operation.id)
        if operation.got:
            self._live.add(operation.id)
        return ""
