"""Recovery after anything: killed at each of its own steps, files cut anywhere, rows that no program of ours wrote."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leftruns import RECORD, ROW, left_open

from controller.experiment.record import Result
from controller.service import recovery
from controller.service.recovery import RESTARTED, recover
from controller.store.database import Database
from controller.store.folder import RunFolder
from controller.store.recorded import _events

VALUES = ("-1", "9223372036854775807", "1e300", "'abc'", "''", "x'00ff'", "CAST(x'ff80' AS TEXT)", "'[[[['", "'../..'")
"""What SQLite may hold in any column, whatever its type. The seventh is text that is not UTF-8."""
COLUMNS = {
    "runs": ("scenario", "kind", "folder", "tier", "policy", "started_ns", "verdict", "exit_code", "result"),
    "samples": ("t_ns", "node", "free_pages", "min_pages", "policy", "progress_pages", "progress_age_ns"),
    "events": ("t_ns", "node", "kind", "detail"),
}
PLACES = [(table, column) for table, columns in COLUMNS.items() for column in columns]
FILES = ("samples.csv", "events.jsonl")


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None:
        pass

    monkeypatch.setattr(recovery, "write_report", nothing)


@contextmanager
def left(length: int) -> Iterator[tuple[Database, Path, RunFolder]]:
    """The first `length` messages of a run that nobody ended, in a folder of their own."""
    with tempfile.TemporaryDirectory() as name:
        database = Database.of(Path(name))
        database.create()
        try:
            yield database, Path(name), left_open(database, RECORD[:length])
        finally:
            database.close()


def recovered(database: Database, runs: Path) -> list[Result]:
    return asyncio.run(recover(database, runs))


class Killed(BaseException):
    """As SIGKILL: no handler of ours sees it."""


def killing(monkeypatch: pytest.MonkeyPatch, step: int) -> list[str]:
    """Ends the next recovery at the `step`-th time that it would write something; what it wrote is listed."""
    done: list[str] = []

    def counted(owner: Any, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def call(*arguments: Any, **more: Any) -> Any:
            if len(done) == step:
                raise Killed
            done.append(name)
            return real(*arguments, **more)

        monkeypatch.setattr(owner, name, call)

    for owner, names in ((Database, ("insert", "close_run")), (RunFolder, ("rewrite", "write", "write_result"))):
        for name in names:
            counted(owner, name)
    counted(recovery, "write_report")
    return done


@pytest.mark.parametrize("length", [0, 1, 60, len(RECORD)])
def test_one_that_is_killed_at_any_of_its_steps_is_taken_up_by_the_next(
    monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    for step in range(100):
        with left(length) as (database, runs, folder):
            with monkeypatch.context() as patched:
                done = killing(patched, step)
                try:
                    recovered(database, runs)
                except Killed:
                    pass
                else:
                    assert step > 5, done
                    return
            [result] = recovered(database, runs)
            assert (result.verdict, result.exit_code) == ("inconclusive", 5 if length == len(RECORD) else 6), step
            assert RESTARTED in result.notes
            assert database.unfinished() == []
            assert folder.result() == database.result(ROW.run) == result
            assert list(_events(folder.path / "events.jsonl")) == database.events(ROW.run)
    pytest.fail("it never came to its end")


@settings(max_examples=30)
@given(
    length=st.integers(0, len(RECORD)),
    cuts=st.lists(st.tuples(st.sampled_from(FILES), st.floats(0, 1)), max_size=2),
    junk=st.lists(st.tuples(st.sampled_from(PLACES), st.integers(0, 20), st.sampled_from(VALUES)), max_size=4),
    noise=st.binary(max_size=40),
)
def test_no_damage_keeps_the_controller_from_starting(
    length: int, cuts: list[tuple[str, float]], junk: list[tuple[tuple[str, str], int, str]], noise: bytes
) -> None:
    with left(length) as (database, runs, folder):
        for name, part in cuts:
            content = (folder.path / name).read_bytes()
            (folder.path / name).write_bytes(content[: round(len(content) * part)] + noise)
        with database._begin() as connection:
            for (table, column), row, value in junk:
                one = f"rowid = (SELECT rowid FROM {table} LIMIT 1 OFFSET {row})"
                connection.exec_driver_sql(f"UPDATE {table} SET {column} = {value} WHERE {one}")
        ended(database, runs)


@pytest.mark.parametrize(("table", "column"), PLACES)
def test_text_that_is_not_utf_8_anywhere(table: str, column: str) -> None:
    with left(60) as (database, runs, _):
        with database._begin() as connection:
            connection.exec_driver_sql(f"UPDATE {table} SET {column} = CAST(x'ff80' AS TEXT)")
        ended(database, runs)


def ended(database: Database, runs: Path) -> None:
    """The run is closed, once, with a result that says that it proves nothing and that can be written."""
    [result] = recovered(database, runs)
    assert (result.run, result.verdict) == (ROW.run, "inconclusive")
    assert result.exit_code in (5, 6), result.sentence  # 5: it proved nothing before its controller died
    assert msgspec.json.encode(result)
    assert database.unfinished() == [] == recovered(database, runs)
