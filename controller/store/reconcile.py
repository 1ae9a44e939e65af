"""A record whose writer was killed: what the database and the folder hold of it, made the same again.

A batch goes to one after the other, so that one may have more than the other, and a file may end in half a line. Both get
all that either has; what cannot be read is told and kept, in a file beside the one that it was in.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from controller.store.database import Database
from controller.store.folder import RunFolder
from nodes.messages import Event, Sample, decode, encode

M = TypeVar("M", Sample, Event)
UNREADABLE = ".unreadable"
"""The end of the name of a file with lines that were set aside."""


def reconcile(database: Database, folder: RunFolder, run: str) -> tuple[list[Sample], list[Event], list[str]]:
    """All samples and events of `run`, in the order of time, in both places; and a note for each file with lines that could
    not be read. Raises HarnessError when the database cannot be read or written, OSError for the folder."""
    notes: list[str] = []
    samples, new_samples = _merged(database.samples(run), _read(folder, "samples.csv", _rows, notes))
    events, new_events = _merged(database.events(run), _read(folder, "events.jsonl", _lines, notes))
    database.insert(new_samples, new_events)
    folder.rewrite(samples, events)
    return samples, events, notes


def _merged(recorded: list[M], written: Iterable[M]) -> tuple[list[M], list[M]]:
    """Both, and what only `written` has."""
    known = Counter(encode(message) for message in recorded)
    new: list[M] = []
    for message in written:
        key = encode(message)
        if known[key]:
            known[key] -= 1
        else:
            new.append(message)
    return sorted(recorded + new, key=lambda message: message.t_ns), new


Reader = Callable[[bytes], Iterator[M | None]]


def _read(folder: RunFolder, name: str, reader: Reader[M], notes: list[str]) -> list[M]:
    """The messages in a file that may be torn, or not be there at all."""
    path = folder.path / name
    content = path.read_bytes() if path.is_file() else b""
    whole = content[: content.rfind(b"\n") + 1]  # a torn number would read like another number
    found = list(reader(whole))
    bad = found.count(None)
    if bad or len(whole) < len(content):
        torn = ", and it ended in half a line" if len(whole) < len(content) else ""
        kept = _set_aside(path, content)
        notes.append(f"{bad} lines of {name} could not be read{torn}: the file is kept as {kept.name}")
    return [message for message in found if message is not None]


def _set_aside(path: Path, content: bytes) -> Path:
    """A copy that nothing overwrites."""
    kept = path.with_name(path.name + UNREADABLE)
    number = 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}{UNREADABLE}-{number}")
    kept.write_bytes(content)
    return kept


def _lines(content: bytes) -> Iterator[Event | None]:
    for line in content.splitlines():
        try:
            yield decode(line, Event)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            yield None


def _rows(content: bytes) -> Iterator[Sample | None]:
    rows = csv.DictReader(io.StringIO(content.decode(errors="replace"), newline=""))
    try:
        for row in rows:
            yield _sample(row)
    except csv.Error:
        yield None  # and nothing after it


def _sample(row: dict[str, str]) -> Sample | None:
    try:
        return msgspec.convert(row, Sample, strict=False)
    except (msgspec.MsgspecError, ValueError):
        return None
