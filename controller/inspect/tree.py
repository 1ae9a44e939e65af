"""Where facts come from: a tree of files. It remembers what it could not read, and why."""

from __future__ import annotations

import os
import stat
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

CHUNK_BYTES = 64 << 10
"""A file of /proc/sys is read into a buffer of the kernel as large as what is asked for: 4 MiB are refused."""
Why = Literal["missing", "denied", "torn", "garbled"]
FILE_BYTES_MAX = 4 << 20
"""The largest file that is read, mountinfo of a busy container host, is below 1 MiB (own)."""


NUMBER_DIGITS_MAX = 20
"""Of 2^64: what has more is none of the kernel's numbers."""


def is_number(text: str) -> bool:
    """Whether `text` is a whole number as the kernel prints them."""
    return text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX


class Unread(Struct, frozen=True, kw_only=True):
    """A file that said nothing, or less than it should."""

    path: str
    why: Why
    """`missing`; `denied`: another user may read it; `torn`: it ends in the middle; `garbled`: it has another form."""


class Source(Protocol):
    """Files by their absolute paths. Each call raises OSError as the operating system would."""

    whole: bool
    """False: it was cut off, so that a missing file may have been there."""

    def content(self, path: str) -> bytes:
        """What is in the file at `path`."""

    def names(self, path: str) -> list[str]:
        """What is in the folder at `path`."""

    def real(self, path: str) -> str:
        """Where `path` leads when all links are followed."""


class Folder:
    """A folder that stands for /: the live machine's own, or a copy of /proc, /sys and /etc."""

    whole = True

    def __init__(self, root: str | Path = "/") -> None:
        self._root = os.path.realpath(root)

    def content(self, path: str) -> bytes:
        descriptor = os.open(self._at(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileNotFoundError(path)  # a pipe or a device would not end
            return b"".join(islice(iter(lambda: file.read(CHUNK_BYTES), b""), FILE_BYTES_MAX // CHUNK_BYTES))

    def names(self, path: str) -> list[str]:
        return [entry.name for entry in Path(self._at(path)).iterdir()]

    def real(self, path: str) -> str:
        there = os.path.realpath(self._at(path), strict=True)
        return there if self._root == "/" else there.removeprefix(self._root)

    def _at(self, path: str) -> str:
        return self._root.rstrip("/") + path


class Tree:
    """Reads from `source`. Nothing here raises: an empty answer stands in `unread`, with the reason."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._unread: dict[str, Why] = {}
        if not source.whole:
            self._unread["the collected file"] = "torn"

    @property
    def unread(self) -> tuple[Unread, ...]:
        """All that could not be read so far."""
        return tuple(Unread(path=path, why=why) for path, why in self._unread.items())

    def blame(self, path: str, why: Why) -> None:
        """`path` said nothing, or less than it should."""
        self._unread.setdefault(path, why)

    def text(self, path: str, *, needed: bool = False, lines: bool = True) -> str:
        """The file's text; empty when it cannot be read. `needed`: that it is missing is worth a word. `lines`: it
        consists of lines, as all of /proc and /sys does but what has NUL between words."""
        try:
            text = self._source.content(path).decode(errors="replace")
        except PermissionError:
            self.blame(path, "denied")
            return ""
        except OSError:
            if needed:
                self.blame(path, "missing")
            return ""
        if lines and text and not text.endswith("\n"):
            self.blame(path, "torn")
            return ""
        return text

    def rows(self, path: str, *, needed: bool = False) -> list[list[str]]:
        """The words of each line that has any."""
        return [words for line in self.text(path, needed=needed).splitlines() if (words := line.split())]

    def word(self, path: str) -> str:
        """What a file of a single line says."""
        return self.text(path).strip()

    def number(self, path: str, *, needed: bool = False) -> int | None:
        """The number that the file holds; None: it holds none."""
        text = self.text(path, needed=needed).strip()
        return self._number(path, text) if text or path not in self._unread else None

    def numbers(self, path: str) -> list[int]:
        """The numbers that the file holds."""
        found = [number for word in self.text(path).split() if (number := self._number(path, word)) is not None]
        return found if path not in self._unread else []

    def names(self, path: str, *, needed: bool = False) -> list[str]:
        """What is in the folder; nothing when it cannot be listed."""
        try:
            return sorted(self._source.names(path))
        except PermissionError:
            self.blame(path, "denied")
        except OSError:
            if needed:
                self.blame(path, "missing")
        return []

    def real(self, path: str) -> str:
        """Where `path` leads; empty when nowhere."""
        try:
            return self._source.real(path)
        except OSError:
            return ""

    def _number(self, path: str, text: str) -> int | None:
        if is_number(text.removeprefix("-")):
            return int(text)
        if text:
            self.blame(path, "garbled")
        return None
