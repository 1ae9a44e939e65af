"""Rows on the disk, safe from a kill at any moment: a study that was stopped goes on where it was.

A file of rows is JSON Lines. Rows are added at its end and synced to the disk before they count; of two rows with one key
the newer counts; a last line that was torn by a kill does not count, and is cut off when the file is opened for more. One
process at a time writes into it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from io import RawIOBase
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

import msgspec

from controller.studies.code import fingerprint
from nodes.errors import HarnessError, UsageError

K = TypeVar("K")
R = TypeVar("R", bound=msgspec.Struct)

ROWS = "rows.jsonl"


@dataclass(frozen=True)
class Form(Generic[K, R]):
    """What a file of rows holds."""

    name: str
    """Of the whole, as in `the sweep in FOLDER`."""
    row: type[R]
    key: Callable[[R], K]
    otherwise: str
    """What somebody may do instead of waiting for the process that writes into it, e.g. `--fresh`."""


class Rows(Generic[K, R]):
    """A file of rows, read or open for more; a context manager."""

    def __init__(self, path: Path, form: Form[K, R]) -> None:
        self.path, self.form = path, form
        self.by_key: dict[K, R] = {}
        """In the order of the file; a row that was replaced stands where the newer one does."""
        self._stream: RawIOBase | None = None

    @classmethod
    def open(cls, path: Path, form: Form[K, R], *, fresh: bool = False) -> Self:
        """The rows at `path` (none, for a new file), open for more. `fresh`: those that are there are put aside, in a file
        beside it. Raises UsageError when another process writes into it, HarnessError when it cannot be written."""
        rows = cls(path, form)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = rows._locked()
            if fresh and path.stat().st_size:
                path.rename(path.with_name(f"{path.stem}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z{path.suffix}"))
                stream.close()
                stream = rows._locked()
            stream.truncate(rows._load())
        except OSError as error:
            raise HarnessError(f"no {form.name} can be kept in {path.parent}: {error.strerror}") from None
        rows._stream = stream
        return rows

    @classmethod
    def read(cls, path: Path, form: Form[K, R]) -> Self:
        """The rows at `path`, for a look; none where there is no file."""
        rows = cls(path, form)
        rows._load()
        return rows

    def append(self, *rows: R) -> None:
        """Keeps `rows`: when this returns they are on the disk. Raises HarnessError when they cannot be written."""
        assert self._stream is not None, "the rows are not open for more"
        try:
            self._stream.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise HarnessError(f"{self.path} cannot be written: {error.strerror}") from None
        self._take(rows)

    def close(self) -> None:
        """Lets others write into it."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, rows: Iterable[R]) -> None:
        for row in rows:
            key = self.form.key(row)
            self.by_key.pop(key, None)  # so that the newest stands last
            self.by_key[key] = row

    def _locked(self) -> RawIOBase:
        stream = self.path.open("ab", buffering=0)  # nothing is left over to be written when it is closed
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            raise UsageError(
                f"another process works on the {self.form.name} in {self.path.parent}: wait for it, or"
                f" {self.form.otherwise}"
            ) from None
        return stream

    def _load(self) -> int:
        """Reads the rows; the length in bytes of those that are whole."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return 0
        whole = content.rfind(b"\n") + 1
        decoder = msgspec.json.Decoder(self.form.row)
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                row = decoder.decode(line)
            except msgspec.DecodeError as error:
                raise HarnessError(
                    f"{self.path}:{number}: not a row of a {self.form.name}: {error}; remove the line, or"
                    f" {self.form.otherwise}"
                ) from None
            self._take([row])
        return whole


def place(studies: Path, scenario: str, verb: str, *asked: str) -> Path:
    """The file of rows of a study: `<studies>/<scenario>/<verb>-<id>/rows.jsonl`. The id is a hash of `asked` and of the
    code that computes: the same study finds its rows again, another never writes into them."""
    return studies / scenario / f"{verb}-{ident(*asked, fingerprint())}" / ROWS


def ident(*asked: str) -> str:
    """A short name for what was asked."""
    return sha256("\0".join(asked).encode()).hexdigest()[:12]
