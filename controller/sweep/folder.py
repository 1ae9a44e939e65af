"""A sweep's folder: what was asked, and a line for every point that was computed, safe from a kill at any moment.

`<sweeps>/<scenario>/<id>/`: sweep.json (the plan and the code that it stands for), rows.jsonl (a `Row` a line, added and
synced to the disk a chunk at a time), and what is drawn from them. The id is a hash of the plan and of netreserve's own
code: the same sweep finds its folder again, another never writes into it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

from controller.scenario import dump, parse
from controller.scenario.axes import Axis
from controller.sweep.model import Plan, Row
from nodes.errors import HarnessError, UsageError

ASKED, ROWS = "sweep.json", "rows.jsonl"
ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "nodes/**/*.py",
    "traffic/profiles.py",
    "controller/*.py",
    "controller/scenario/*.py",
    "controller/sweep/w*.py",
)
"""The code that decides what a point comes to."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """sweep.json: enough to carry the sweep out again, here or elsewhere."""

    scenario: str
    """Expanded, as YAML."""
    axes: tuple[Axis, ...]
    seeds: int
    code: str
    """`fingerprint()` of what computed it."""

    def plan(self) -> Plan:
        """The plan; raises ScenarioError when its scenario is none of this version's."""
        return Plan(parse(self.scenario, ASKED), self.axes, self.seeds)


@cache
def fingerprint() -> str:
    """Of the code that decides what a point comes to, as it was when this process first asked: results of another code are
    not mixed with this one's."""
    found = sha256()
    for path in sorted({path for pattern in SOURCES for path in ROOT.glob(pattern)}):
        found.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


class SweepFolder:
    """An open sweep. One process at a time writes into it."""

    def __init__(self, path: Path, asked: Asked) -> None:
        self.path, self.asked, self.plan = path, asked, asked.plan()
        self.rows: dict[int, Row] = {}
        self._stream: BinaryIO | None = None

    @classmethod
    def start(cls, sweeps: Path, plan: Plan, *, fresh: bool = False) -> SweepFolder:
        """The folder of `plan` in `sweeps`, with what it holds already, open for more. `fresh`: another, empty one. Raises
        UsageError when another process writes into it, HarnessError when it cannot be written."""
        asked = Asked(scenario=dump(plan.scenario), axes=plan.axes, seeds=plan.seeds, code=fingerprint())
        try:
            folder = cls(_place(sweeps / plan.scenario.name, asked, fresh=fresh), asked)
            folder._open()
        except OSError as error:
            raise HarnessError(f"no sweep can be kept in {sweeps}: {error.strerror}") from None
        return folder

    @classmethod
    def read(cls, path: Path) -> SweepFolder:
        """What is in the folder `path`, complete or not. Raises UsageError for a folder that holds no sweep."""
        try:
            asked = msgspec.json.decode((path / ASKED).read_bytes(), type=Asked)
        except OSError:
            raise UsageError(f"{path} holds no sweep: there is no {ASKED} in it") from None
        except msgspec.DecodeError as error:
            raise UsageError(f"{path / ASKED} is no sweep of this version: {error}") from None
        folder = cls(path, asked)
        folder._load()
        return folder

    def missing(self) -> list[int]:
        """The points that are still to be computed."""
        return [index for index in range(self.plan.points) if index not in self.rows]

    def append(self, rows: Iterable[Row]) -> None:
        """Keeps `rows`: when this returns they are on the disk."""
        assert self._stream is not None, "the folder is not open for more"
        kept = [*rows]
        self._stream.write(b"".join(msgspec.json.encode(row) + b"\n" for row in kept))
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.rows |= {row.point: row for row in kept}

    def close(self) -> None:
        """Lets others write into it."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _open(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        stream = (self.path / ROWS).open("ab")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            raise UsageError(
                f"the sweep in {self.path} is being computed by another process: wait, or --fresh"
            ) from None
        if not (self.path / ASKED).exists():
            half = self.path / f"{ASKED}.part"
            half.write_bytes(msgspec.json.format(msgspec.json.encode(self.asked), indent=2) + b"\n")
            half.replace(self.path / ASKED)
        stream.truncate(self._load())
        self._stream = stream

    def _load(self) -> int:
        """Reads the rows; the length in bytes of those that are whole. A last line torn by a kill does not count."""
        try:
            content = (self.path / ROWS).read_bytes()
        except FileNotFoundError:
            return 0
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                row = msgspec.json.decode(line, type=Row)
            except msgspec.DecodeError as error:
                raise HarnessError(f"{self.path / ROWS}:{number}: no row of a sweep: {error}") from None
            if row.point < self.plan.points:
                self.rows[row.point] = row
        return whole


def newest(sweeps: Path, name: str) -> Path:
    """The folder that `name` means: a path, a scenario (its newest sweep), or `latest`. Raises UsageError."""
    if (Path(name) / ASKED).is_file():
        return Path(name)
    pattern = f"*/*/{ASKED}" if name == "latest" else f"{name}/*/{ASKED}"
    found = [path.parent for path in sweeps.glob(pattern)] if name and not name.startswith(("/", ".")) else []
    if not found:
        raise UsageError(
            f"'{name}' is no sweep: a folder with {ASKED}, a scenario swept in {sweeps}, or 'latest' is needed"
        )
    return max(found, key=lambda path: ((path / ROWS).stat().st_mtime_ns if (path / ROWS).exists() else 0, path.name))


def _place(above: Path, asked: Asked, *, fresh: bool) -> Path:
    """`<id>`, or the newest of `<id>-2`, `<id>-3` that were started afresh; with `fresh` the next of them."""
    ident = sha256(msgspec.json.encode(asked)).hexdigest()[:12]
    number = 1
    while (above / _numbered(ident, number + 1)).exists():
        number += 1
    path = above / _numbered(ident, number)
    return above / _numbered(ident, number + 1) if fresh and path.exists() else path


def _numbered(ident: str, number: int) -> str:
    return ident if number == 1 else f"{ident}-{number}"
