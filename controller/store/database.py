"""Runs, samples and events in a database: written by the controller, read by anyone, at the same time.

SQLite (in WAL: readers never wait for the writer) unless a URL says otherwise. Calls block: the controller makes them
off its event loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    Engine,
    Row,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateColumn

from controller.experiment.record import Result
from controller.experiment.record import RunRow as RunRow  # a row of the index: part of this module's interface
from controller.store import tables
from controller.store.folder import INDEX, SAMPLE_FIELDS
from nodes.errors import HarnessError, LackingError
from nodes.eventkinds import detail_of
from nodes.messages import Event, Sample

BUSY_TIMEOUT_MS = 5000
"""How long a writer waits for another (only two controllers on one folder would meet)."""


ROWS_AT_A_TIME = 2000
"""Of samples: half a megabyte (own)."""
_NAMES = [field.name for field in msgspec.structs.fields(RunRow)]
_INDEX = [tables.runs.c[name] for name in _NAMES]


class Database:
    """The index of runs with their samples and events. Raises HarnessError when the database fails."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._engine = _engine(url)
        except (SQLAlchemyError, ImportError) as error:
            raise LackingError(f"'{url}' is not a usable database URL: {_one_line(error)}") from None

    @classmethod
    def of(cls, runs_folder: Path, url: str = "") -> Database:
        """The database of `runs_folder`, or the one at `url`."""
        return cls(url or f"sqlite:///{runs_folder / INDEX}")

    def create(self) -> None:
        """Makes the tables that are not there, and in those of an older version the columns that a sample has since."""
        with self._begin() as connection:
            tables.metadata.create_all(connection)
            known = _columns(connection)
            for name in SAMPLE_FIELDS:
                if name not in known:
                    column = CreateColumn(tables.samples.c[name]).compile(dialect=connection.dialect)
                    connection.execute(text(f"ALTER TABLE {tables.samples.name} ADD COLUMN {column}"))

    def close(self) -> None:
        self._engine.dispose()

    def open_run(self, row: RunRow) -> None:
        with self._begin() as connection:
            connection.execute(insert(tables.runs), [msgspec.structs.asdict(row)])

    def close_run(self, result: Result) -> None:
        """Writes how the run ended."""
        values = {
            "policy": result.policy,
            "ended_ns": result.ended_ns,
            "verdict": result.verdict,
            "exit_code": result.exit_code,
            "result": msgspec.json.encode(result).decode(),
        }
        with self._begin() as connection:
            connection.execute(update(tables.runs).where(tables.runs.c.run == result.run).values(values))

    def insert(self, samples: Sequence[Sample], events: Sequence[Event]) -> None:
        """One transaction for a batch."""
        with self._begin() as connection:
            if samples:
                connection.execute(insert(tables.samples), [msgspec.structs.asdict(sample) for sample in samples])
            if events:
                connection.execute(insert(tables.events), [_event_row(event) for event in events])

    def runs(self) -> list[RunRow]:
        """All runs, the newest first."""
        with self._begin() as connection:
            found = connection.execute(select(*_INDEX).order_by(tables.runs.c.started_ns.desc(), tables.runs.c.run))
            return [RunRow(**row._mapping) for row in found]

    def told(self) -> list[tuple[RunRow, str]]:
        """All runs, the newest first, each with its result as JSON (empty while it has none)."""
        with self._begin() as connection:
            columns = select(*_INDEX, tables.runs.c.result)
            found = connection.execute(columns.order_by(tables.runs.c.started_ns.desc(), tables.runs.c.run))
            return [(RunRow(**dict(zip(_NAMES, row, strict=False))), row[-1] or "") for row in found]

    def unfinished(self) -> list[RunRow]:
        """Runs that nobody closed, the oldest first."""
        return [row for row in reversed(self.runs()) if row.ended_ns is None]

    def result(self, run: str) -> Result | None:
        """None while the run goes on. Raises HarnessError for one that another version wrote and this one cannot read."""
        with self._begin() as connection:
            found = connection.execute(select(tables.runs.c.result).where(tables.runs.c.run == run)).scalar()
        try:
            return msgspec.json.decode(found, type=Result) if found else None
        except msgspec.MsgspecError as error:
            raise HarnessError(
                f"the result of run {run} was written by another version of netreserve: {error}"
            ) from None

    def samples(self, run: str) -> list[Sample]:
        """In the order of time. A table of an older version, which nobody wrote to since, has the fields of its time."""
        return [Sample(**dict(zip(names, row, strict=True))) for names, rows in self.sample_rows(run) for row in rows]

    def sample_rows(self, run: str) -> Iterator[tuple[tuple[str, ...], Sequence[Row[Any]]]]:
        """As `samples`, without the records: names of fields, and some rows of their values, again and again."""
        table = tables.samples
        with self._begin() as connection:
            known = _columns(connection)
            names = tuple(name for name in SAMPLE_FIELDS if name in known)
            columns = select(*(table.c[name] for name in names))
            found = connection.execute(columns.where(table.c.run == run).order_by(table.c.t_ns, table.c.id))
            for rows in found.partitions(ROWS_AT_A_TIME):
                yield names, rows

    def nodes(self, run: str) -> list[str]:
        """Those that sent samples in it, sorted."""
        table = tables.samples
        with self._begin() as connection:
            return sorted(connection.execute(select(table.c.node).where(table.c.run == run).distinct()).scalars())

    def first_ns(self, run: str) -> int | None:
        """When its first sample was taken; None without any."""
        table = tables.samples
        with self._begin() as connection:
            return connection.execute(select(func.min(table.c.t_ns)).where(table.c.run == run)).scalar()

    def events(self, run: str) -> list[Event]:
        """In the order of time."""
        table = tables.events
        with self._begin() as connection:
            found = connection.execute(select(table).where(table.c.run == run).order_by(table.c.t_ns, table.c.id))
            return [_event(row) for row in found]

    def remove(self, run: str) -> None:
        """Takes the run out of the index, with its samples and events."""
        with self._begin() as connection:
            for table in (tables.samples, tables.events, tables.runs):
                connection.execute(delete(table).where(table.c.run == run))

    @contextlib.contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise HarnessError(f"the database {self._engine.url!r} fails: {_one_line(error)}") from None


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def tune(connection: Any, _record: Any) -> None:
            # a byte that is not UTF-8 must not hide the rows beside it: SQLite itself takes any
            connection.text_factory = lambda octets: octets.decode(errors="replace")
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # in WAL: safe against a kill, not against power loss

    return engine


def _columns(connection: Connection) -> set[str]:
    """Those that the table of samples has."""
    return {column["name"] for column in inspect(connection).get_columns(tables.samples.name)}


def _event_row(event: Event) -> dict[str, Any]:
    return {**msgspec.structs.asdict(event), "detail": msgspec.json.encode(event.detail).decode()}


def _event(row: Row[Any]) -> Event:
    return Event(t_ns=row.t_ns, node=row.node, run=row.run, detail=detail_of(row.kind, msgspec.json.decode(row.detail)))


def _one_line(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).split("\n")[0]
