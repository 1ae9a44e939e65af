"""A run taken out of the runs folder and put into another: its folder as an archive (tar, gzip), and back.

The archive has one folder, `<run>/`, with the files of the run folder (docs/reference/run-folder.md). What comes in is
untrusted: only regular files of modest size below that folder are taken, and nothing is ever overwritten.
"""

from __future__ import annotations

import re
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from msgspec import structs

from controller.experiment.folders import RESERVED
from controller.experiment.record import RunRow
from controller.service.credible import require_storable
from controller.store.database import Database
from controller.store.recorded import Recorded, read_run
from nodes.errors import HarnessError, InconclusiveError, UsageError, printable
from nodes.messages import Event, Sample

SUFFIX = ".netreserve.tar.gz"
FILES_MAX = 2_000
"""Of an archive: 512 nodes with three logs each (own)."""
BYTES_MAX = 2 << 30
"""Unpacked: a run of 512 nodes over ten minutes (own)."""
HEADER_BYTES_MAX = 64 << 10
"""Of an extended header, which tells a long name (own)."""
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4,12}")
SCENARIO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def pack(folder: Path, into: BinaryIO) -> None:
    """Writes the archive of the run in `folder`."""
    with tarfile.open(fileobj=into, mode="w:gz", compresslevel=6) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
            archive.add(path, f"{folder.name}/{path.relative_to(folder)}", recursive=False)


def unpack(source: BinaryIO, runs_folder: Path, url: str = "") -> RunRow:
    """Puts the run in an archive below `runs_folder`, and into its index. Raises UsageError for what is not a run's archive,
    for a record that cannot be read or kept, and for a run that is there already."""
    runs_folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=runs_folder, prefix=".import-") as scratch:
        recorded = _read(_extracted(source, Path(scratch)))
        row = _row(recorded)
        target = runs_folder / row.folder
        database = Database.of(runs_folder, url)
        try:
            database.create()
            if target.exists() or any(known.run == row.run for known in database.runs()):
                raise UsageError(f"run {row.run} is here already: nothing is overwritten")
            target.parent.mkdir(parents=True, exist_ok=True)
            database.open_run(row)
            try:
                samples = [structs.replace(sample, run=row.run) for sample in recorded.samples]
                database.insert(samples, [structs.replace(event, run=row.run) for event in recorded.events])
                database.close_run(recorded.result)
                shutil.move(recorded.folder, target)
            except BaseException:  # it was not there before: nothing of it stays
                database.remove(row.run)
                raise
        finally:
            database.close()
    return row


def _read(folder: Path) -> Recorded:
    """The record in `folder`. Raises UsageError for one that cannot be read or kept, without a place of ours in it."""
    try:
        recorded = read_run(folder)
        messages: list[Sample | Event] = [*recorded.samples, *recorded.events]
        for message in messages:
            require_storable(message)
    except (HarnessError, InconclusiveError, OverflowError, TypeError, ValueError) as error:
        why = printable(str(error).replace(f"{folder.parent}/", ""))[:300]
        raise UsageError(f"the archive's record cannot be taken: {why}") from None
    return recorded


class _Frugal(tarfile.TarInfo):
    """tarfile reads extended headers into memory as they come, however large they say that they are: not these."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if not self.isreg() and self.size > HEADER_BYTES_MAX:
            raise UsageError(f"the archive has a header of more than {HEADER_BYTES_MAX >> 10} KiB: `export` makes none")
        return super()._proc_member(archive)  # type: ignore[misc]


def _extracted(source: BinaryIO, scratch: Path) -> Path:
    """The run folder."""
    names, left = set(), BYTES_MAX
    try:
        with tarfile.open(fileobj=source, mode="r|gz", tarinfo=_Frugal) as archive:
            for number, member in enumerate(archive):
                path = _safe(member)
                left -= member.size
                if number >= FILES_MAX or left < 0:
                    raise UsageError(
                        f"the archive has more than {FILES_MAX} files or {BYTES_MAX >> 30} GiB: no run has"
                    )
                names.add(path.parts[0])
                content = archive.extractfile(member)
                assert content is not None, "a regular file"
                place = scratch / path
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("xb") as file:
                    shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, RecursionError) as error:
        raise UsageError(f"this is not an archive that `export` made: {error}") from None
    if len(names) != 1:
        raise UsageError(f"the archive has {len(names)} folders: one, of one run, is needed")
    return scratch / names.pop()


def _safe(member: tarfile.TarInfo) -> PurePosixPath:
    """Where it goes, below the folder of the archive. Raises UsageError for anything but a regular file in it."""
    path = PurePosixPath(member.name)
    plain = not path.is_absolute() and ".." not in path.parts and len(path.parts) > 1 and "\\" not in member.name
    if not (member.isreg() and plain):
        raise UsageError(f"the archive has '{printable(member.name)[:100]}': only files of a run folder may be in it")
    return path


def _row(recorded: Recorded) -> RunRow:
    """Its row; names are made fit for a folder here. Raises UsageError."""
    result = recorded.result
    if not RUN_ID.fullmatch(result.run) or not SCENARIO.fullmatch(result.scenario):
        raise UsageError(f"'{printable(result.run)[:60]}' of '{printable(result.scenario)[:60]}' is not a run's name")
    if result.scenario in RESERVED and result.kind != "adhoc":
        raise UsageError(f"a scenario cannot be called '{result.scenario}': {RESERVED[result.scenario]} lie there")
    return RunRow(
        run=result.run,
        scenario=result.scenario,
        kind=result.kind,
        folder=f"{result.scenario}/{result.run}",
        tier=result.tier,
        policy=result.policy,
        started_ns=result.started_ns,
    )


def remove(folder: Path, runs_folder: Path, url: str, run: str) -> None:
    """Takes a run out of the index, and its folder away."""
    database = Database.of(runs_folder, url)
    try:
        database.remove(run)
    finally:
        database.close()
    if folder.is_dir():
        shutil.rmtree(folder)
