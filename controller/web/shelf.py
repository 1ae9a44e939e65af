"""The recorded runs as the page shows them: which there are, what each was, and its samples in columns. Changes nothing.

Calls block: the server makes them off its event loop.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from controller.experiment.record import SCHEMA, Phase, Result, RunRow
from controller.store.archive import Archive
from controller.store.folder import INDEX
from controller.store.recorded import Recorded
from controller.web.answers import NoSuchError
from controller.web.machines import floods_of, known, nodes_of, planned
from controller.web.messages import Told, told
from controller.web.views import RunView, available, fork_of
from nodes.errors import LackingError, NetreserveError, UsageError
from nodes.units import SECOND_NS

LIMIT_MAX = 1000
"""Runs in one answer at most (own)."""


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs: `q` stands in the id, the scenario or the sentence, whatever its case; the others must be equal."""

    q: str = ""
    verdict: str = ""
    policy: str = ""
    tier: str = ""
    scenario: str = ""
    limit: int = 100
    offset: int = 0


class Line(Struct, frozen=True, kw_only=True):
    """A run in the list."""

    id: str
    scenario: str
    kind: str
    tier: str
    policy: str
    verdict: str | None
    """None while nobody has judged it."""
    sentence: str
    started: str
    """ISO 8601, UTC."""
    nodes: int
    """Initiators that were judged."""
    seed: int | None = None


class Listing(Struct, frozen=True, kw_only=True):
    """Some of the runs, the newest first; `total` is how many fit what was asked."""

    total: int
    runs: list[Line]


class _Brief(Struct):
    """What the list needs of a result."""

    sentence: str = ""
    seed: int | None = None
    nodes: list[object] = []


class Shelf:
    """The runs below `runs_folder`; `url`: another database than that folder's. May be used by several threads."""

    def __init__(self, runs_folder: Path, url: str = "") -> None:
        self.runs_folder, self.url = runs_folder, url
        self._archive: Archive | None = None
        self._opening = threading.Lock()

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()

    def listing(self, asked: Asked) -> Listing:
        """Raises UsageError for numbers that cannot be, HarnessError when the index cannot be read."""
        if not (0 < asked.limit <= LIMIT_MAX and asked.offset >= 0):
            raise UsageError(
                f"limit is {asked.limit}, offset {asked.offset}: 1 to {LIMIT_MAX}, and 0 or more are possible"
            )
        if not self._recorded():
            return Listing(total=0, runs=[])
        lines = [
            line for row, text in self.archive.told() if _may_fit(row, asked) and _fits(line := _line(row, text), asked)
        ]
        return Listing(total=len(lines), runs=lines[asked.offset : asked.offset + asked.limit])

    def row(self, name: str) -> RunRow:
        """The run that `name` means, as on the command line. Raises NoSuchError."""
        try:
            return self.archive.find(name)
        except (UsageError, LackingError) as error:
            raise NoSuchError(str(error)) from None

    def folder(self, row: RunRow) -> Path:
        """Of a run. Raises NoSuchError for one that is not below the runs folder, whatever its row says."""
        folder = self.runs_folder / row.folder
        if Path(row.folder).name != row.run or not inside(self.runs_folder, folder):
            raise NoSuchError(f"the folder of run {row.run} is not in the runs folder")
        return folder

    def view(self, name: str) -> RunView:
        """Raises NoSuchError; what of the record cannot be read is told in `problem`."""
        row = self.row(name)
        folder, result, problem = self.folder(row), row.unjudged(), ""
        try:
            result = self.archive.result(row)
            problem = _problem(row, result)
        except NetreserveError as error:
            problem = str(error)
        work, trouble = planned(Recorded(folder=folder, result=result, samples=[], events=[]), self._names(row))
        zero_ns = self.zero_ns(row, result)
        return RunView(
            id=row.run,
            state="unfinished" if row.ended_ns is None else "recorded",
            result=result,
            problem="; ".join(filter(None, (problem, trouble))),
            zero_ns=zero_ns,
            phases=[_since(phase, zero_ns) for phase in result.phases],
            nodes=nodes_of(work) if work else [known(name) for name in self._names(row)],
            floods=floods_of(work) if work else [],
            scenario=_text(folder, "scenario.yaml"),
            available=available(folder),
            fork=fork_of(folder),
        )

    def events(self, row: RunRow) -> list[Told]:
        """In the order of time."""
        zero_ns = self.zero_ns(row)
        return [told(event, zero_ns) for event in self.archive.events(row.run)]

    def zero_ns(self, row: RunRow, result: Result | None = None) -> int:
        """When the run began: the first instant that anything is known of (controller.experiment.trace.start_ns), which
        for a judged run its phases tell."""
        if result is None:
            try:
                result = self.archive.result(row)
            except NetreserveError:
                result = row.unjudged()
        known = [phase.start_ns for phase in result.phases]
        first = self.archive.first_ns(row.run)
        return min([*known, *([] if first is None else [first])], default=row.started_ns)

    @property
    def archive(self) -> Archive:
        """Raises LackingError while nothing was ever recorded."""
        with self._opening:
            if self._archive is None:
                self._archive = Archive(self.runs_folder, self.url)
            return self._archive

    def _recorded(self) -> bool:
        return bool(self.url) or (self.runs_folder / INDEX).is_file()

    def _names(self, row: RunRow) -> Sequence[str]:
        return self.archive.nodes(row.run)


def inside(folder: Path, path: Path) -> bool:
    """Whether `path` lies below `folder` itself, with no link on the way that leads anywhere."""
    return path.resolve() == folder.resolve() / path.relative_to(folder) and path != folder


def _may_fit(row: RunRow, asked: Asked) -> bool:
    wanted = (
        (asked.verdict, row.verdict),
        (asked.tier, row.tier),
        (asked.policy, row.policy),
        (asked.scenario, row.scenario),
    )
    return all(not value or value == (had or "") for value, had in wanted)


def _fits(line: Line, asked: Asked) -> bool:
    word = asked.q.casefold()
    return not word or any(word in text.casefold() for text in (line.id, line.scenario, line.policy, line.sentence))


def _line(row: RunRow, text: str) -> Line:
    try:
        brief = msgspec.json.decode(text, type=_Brief) if text else _Brief(sentence=_unfinished(row))
    except msgspec.MsgspecError as error:
        brief = _Brief(sentence=f"its result was written by another version of netreserve: {error}")
    return Line(
        id=row.run,
        scenario=row.scenario,
        kind=row.kind,
        tier=row.tier,
        policy=row.policy,
        verdict=row.verdict,
        sentence=brief.sentence,
        started=f"{datetime.fromtimestamp(row.started_ns / SECOND_NS, UTC):%Y-%m-%dT%H:%M:%SZ}",
        nodes=len(brief.nodes),
        seed=brief.seed,
    )


def _problem(row: RunRow, result: Result) -> str:
    if row.ended_ns is None:
        return _unfinished(row)
    if result.schema != SCHEMA:
        return (
            f"its result has schema {result.schema}, this netreserve reads schema {SCHEMA}: its figures may mean others"
        )
    return ""


def _unfinished(row: RunRow) -> str:
    return (
        f"run {row.run} has no result yet: it still goes on, or whoever made it was stopped; what is recorded is shown"
    )


def _since(phase: Phase, zero_ns: int) -> Phase:
    return Phase(name=phase.name, start_ns=phase.start_ns - zero_ns, end_ns=phase.end_ns - zero_ns)


def _text(folder: Path, name: str) -> str:
    path = folder / name
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() and inside(folder, path) else ""
