"""Whether a run can be kept, asked before it is carried out: afterwards it would be lost."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from tempfile import NamedTemporaryFile

from msgspec.structs import fields

from controller.experiment.record import RunRow
from nodes.errors import LackingError

ROOM_BYTES = 1 << 20
"""What a short run's record takes at least (own)."""
LOCKED_S = 5.0
"""For another writer of the index to be done (as controller.store.database waits)."""


def require_writable(runs_folder: Path, index: Path | None) -> None:
    """Raises LackingError when no run can be written into `runs_folder`, or entered into the SQLite file `index` (None:
    the index is somewhere else, and is not looked at)."""
    try:
        runs_folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=runs_folder, prefix=".room-") as probe:
            probe.write(bytes(ROOM_BYTES))
    except OSError as error:
        raise LackingError(
            f"no run can be kept in {runs_folder}: {error.strerror}: make room there, or name another folder with --runs"
        ) from None
    if index is not None and (index.exists() or index.is_symlink()):
        _require_usable(index)


def _require_usable(index: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(index, timeout=LOCKED_S)) as database:
            database.execute("BEGIN IMMEDIATE")
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone():
                columns = ", ".join(field.name for field in fields(RunRow))
                database.execute(f"SELECT {columns}, result FROM runs LIMIT 0")
            database.rollback()
    except sqlite3.Error as error:
        raise LackingError(
            f"no run can be entered into {index}: {error}: move the file away (the folders of its runs stay readable), or"
            " name another folder with --runs"
        ) from None
