"""Whether a run can be kept is known before it is carried out."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from controller.store import ready
from controller.store.database import Database
from controller.store.folder import INDEX
from controller.store.ready import require_writable
from nodes.errors import LackingError


def test_a_new_folder_is_made_and_stays_empty(tmp_path: Path) -> None:
    require_writable(tmp_path / "deep" / "runs", tmp_path / "deep" / "runs" / INDEX)
    assert list((tmp_path / "deep" / "runs").iterdir()) == []


def test_a_folder_that_cannot_be_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LackingError, match=r"no run can be kept in .*file/runs: .*another folder with --runs"):
        require_writable(tmp_path / "file" / "runs", None)


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "ROOM_BYTES", 1 << 62)
    monkeypatch.setattr(
        ready, "bytes", lambda count: (_ for _ in ()).throw(OSError(28, "No space left")), raising=False
    )
    with pytest.raises(LackingError, match="No space left: make room there"):
        require_writable(tmp_path, None)


def test_an_index_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / INDEX
    index.write_text("this was never a database, however long it is, and so it goes on")
    with pytest.raises(LackingError, match=r"netreserve.sqlite: file is not a database: move the file away"):
        require_writable(tmp_path, index)
    index.unlink()
    monkeypatch.setattr(ready, "LOCKED_S", 0.0)
    writer = sqlite3.connect(index, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LackingError, match="database is locked"):
        require_writable(tmp_path, index)
    writer.close()
    require_writable(tmp_path, index)


def test_an_index_of_something_else_is_named_before_the_run(tmp_path: Path) -> None:
    index = tmp_path / INDEX
    index.symlink_to(tmp_path / "gone" / INDEX)
    with pytest.raises(LackingError, match="unable to open database file: move the file away"):
        require_writable(tmp_path, index)
    index.unlink()
    sqlite3.connect(index).execute("CREATE TABLE runs (run TEXT)").connection.close()
    with pytest.raises(LackingError, match="no such column: scenario: move the file away"):
        require_writable(tmp_path, index)


def test_an_index_that_is_ours_can_be_used(tmp_path: Path) -> None:
    database = Database.of(tmp_path)
    database.create()
    database.close()
    require_writable(tmp_path, tmp_path / INDEX)
