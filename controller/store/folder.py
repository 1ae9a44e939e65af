"""A run's folder: written as the run goes, never over another, and complete even when the writer is killed."""

from __future__ import annotations

import csv
import io
import os
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec

from controller.experiment.folders import LATEST
from controller.experiment.record import Result
from controller.store.whole import write_whole
from nodes.errors import HarnessError
from nodes.messages import Event, Sample

INDEX = "netreserve.sqlite"
"""The database of all runs, in the runs folder, unless a URL says otherwise."""
SAMPLE_FIELDS = tuple(field.name for field in msgspec.structs.fields(Sample))
"""Columns of samples.csv, in this order."""


def new_run_id(started_ns: int) -> str:
    """`<UTC>-<id>`, e.g. `20261122T201715Z-3fa9c1`; sorts by time."""
    return f"{datetime.fromtimestamp(started_ns / 1e9, UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


class RunFolder:
    """`runs/<scenario>/<run>/` with samples.csv and events.jsonl open at their ends."""

    def __init__(self, runs: Path, relative: str) -> None:
        """An existing folder, to add what was missing; `create` makes a new one."""
        self.runs, self.relative, self.path = runs, relative, runs / relative
        self._samples: TextIO | None = None
        self._events: TextIO | None = None

    @classmethod
    def create(cls, runs: Path, scenario: str, run: str) -> RunFolder:
        """A new folder, and `latest` pointing at it. Raises HarnessError when it cannot be made, or is there already."""
        folder = cls(runs, f"{scenario}/{run}")
        try:
            folder.path.mkdir(parents=True, exist_ok=False)
            folder._samples = (folder.path / "samples.csv").open("x", newline="")
            folder._events = (folder.path / "events.jsonl").open("x")
            _write_rows(folder._samples, [SAMPLE_FIELDS])
            _point(runs / LATEST, folder.relative)
            _point(runs / scenario / LATEST, run)
        except OSError as error:
            raise HarnessError(f"no run folder {folder.path}: {error.strerror}") from None
        return folder

    def append(self, samples: Sequence[Sample], events: Sequence[Event]) -> None:
        """Writes and flushes."""
        assert self._samples is not None and self._events is not None, "the folder is not open for appending"
        _write_rows(self._samples, (msgspec.structs.astuple(sample) for sample in samples))
        self._events.writelines(msgspec.json.encode(event).decode() + "\n" for event in events)
        self._samples.flush()
        self._events.flush()

    def rewrite(self, samples: Sequence[Sample], events: Sequence[Event]) -> None:
        """Both files anew, each there in full or not at all."""
        table = io.StringIO(newline="")
        _write_rows(table, [SAMPLE_FIELDS, *(msgspec.structs.astuple(sample) for sample in samples)])
        self.write("samples.csv", table.getvalue())
        self.write("events.jsonl", b"".join(msgspec.json.encode(event) + b"\n" for event in events))

    def append_text(self, name: str, text: str) -> None:
        """Adds to a file that grows as the run goes; `name` may have folders in it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as stream:
            stream.write(text)

    def write(self, name: str, content: str | bytes) -> Path:
        """A whole file, there in full or not at all; `name` may have folders in it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_whole(path, content)

    def write_json(self, name: str, content: Any) -> Path:
        return self.write(name, msgspec.json.format(msgspec.json.encode(content), indent=2))

    def write_result(self, result: Result) -> Path:
        return self.write_json("result.json", result)

    def result(self) -> Result | None:
        """What was written last; None when that is not there, or not a result (a whole one is never half written)."""
        try:
            return msgspec.json.decode((self.path / "result.json").read_bytes(), type=Result)
        except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def close(self) -> None:
        for stream in (self._samples, self._events):
            if stream is not None:
                stream.close()
        self._samples = self._events = None


def _write_rows(stream: TextIO, rows: Iterable[Iterable[Any]]) -> None:
    csv.writer(stream, lineterminator="\n").writerows(rows)


def _point(link: Path, target: str) -> None:
    """Makes `link` point at `target` in one step, so that a reader always finds one or the other."""
    half = link.with_name(f"{link.name}.{os.getpid()}.part")
    half.unlink(missing_ok=True)
    half.symlink_to(target)
    half.replace(link)
