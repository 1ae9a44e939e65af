"""Nothing that was kept is lost or computed again: after a kill, in the middle of a line, beside another process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sweptgrids import more_reserve_helps, plan, rows

from controller.sweep import folder as folders
from controller.sweep.folder import ROWS, SweepFolder, newest
from nodes.errors import HarnessError, UsageError

ASKED = plan("policy=none,memalloc", "nodes.initiator.min_free=1M..4M:log3", "floods.0.rate=1k,9k")
ROWS_MADE = [*rows(ASKED, more_reserve_helps).values()]


def started(sweeps: Path, **how: bool) -> SweepFolder:
    return SweepFolder.start(sweeps, ASKED, **how)


def test_the_same_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    first = started(tmp_path)
    assert first.missing() == [*range(12)]
    first.append(ROWS_MADE[3:5])
    first.append([ROWS_MADE[0]])
    first.close()
    again = started(tmp_path)
    assert again.path == first.path == tmp_path / "classic" / first.path.name
    assert again.missing() == [1, 2, *range(5, 12)] and again.rows[4] == ROWS_MADE[4]
    again.close()
    read = SweepFolder.read(first.path)
    assert read.rows == again.rows and read.plan == ASKED


def test_what_is_appended_is_on_the_disk_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    sweep = started(tmp_path)
    monkeypatch.setattr(folders.os, "fsync", lambda number: synced.append((sweep.path / ROWS).read_bytes()))
    sweep.append(ROWS_MADE[:2])
    assert synced[0].count(b"\n") == 2
    sweep.close()


@pytest.mark.parametrize("torn", [b'{"point":7,"verd', b"\x00\x00\x00", b"{"])
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    first = started(tmp_path)
    first.append(ROWS_MADE[:2])
    first.close()
    whole = (first.path / ROWS).read_bytes()
    (first.path / ROWS).write_bytes(whole + torn)
    assert [*SweepFolder.read(first.path).rows] == [0, 1]
    again = started(tmp_path)
    again.append([ROWS_MADE[2]])
    again.close()
    lines = (first.path / ROWS).read_bytes().splitlines()
    assert [json.loads(line)["point"] for line in lines] == [0, 1, 2]


def test_a_broken_line_in_the_middle_is_told(tmp_path: Path) -> None:
    first = started(tmp_path)
    first.append(ROWS_MADE[:1])
    first.close()
    (first.path / ROWS).write_bytes(b"nonsense\n" + (first.path / ROWS).read_bytes())
    with pytest.raises(HarnessError, match=r"rows.jsonl:1: no row"):
        SweepFolder.read(first.path)


def test_only_one_process_writes(tmp_path: Path) -> None:
    first = started(tmp_path)
    with pytest.raises(UsageError, match="by another process"):
        started(tmp_path)
    first.close()
    started(tmp_path).close()


def test_afresh_means_another_folder_and_overwrites_nothing(tmp_path: Path) -> None:
    first = started(tmp_path)
    first.append(ROWS_MADE)
    first.close()
    second = started(tmp_path, fresh=True)
    assert second.path.name == f"{first.path.name}-2" and second.missing() == [*range(12)]
    second.close()
    third = started(tmp_path)
    assert third.path == second.path, "without --fresh the newest of them goes on"
    third.close()
    assert SweepFolder.read(first.path).missing() == []


def test_another_sweep_or_another_code_is_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = started(tmp_path)
    first.close()
    other = SweepFolder.start(tmp_path, plan("policy=none,memalloc"))
    other.close()
    monkeypatch.setattr(folders, "fingerprint", lambda: "another")
    newer = started(tmp_path)
    newer.close()
    assert len({first.path, other.path, newer.path}) == 3


def test_the_fingerprint_covers_the_machine_and_the_judge() -> None:
    covered = {path.name for pattern in folders.SOURCES for path in folders.ROOT.glob(pattern)}
    assert {"machine.py", "verdict.py", "simulate.py", "work.py", "vary.py", "slab.py"} <= covered
    assert "sweep.py" not in covered, "how it is told does not change what it is"
    assert folders.fingerprint() == folders.fingerprint()


def test_a_sweep_is_found_by_name(tmp_path: Path) -> None:
    first = started(tmp_path)
    first.append(ROWS_MADE[:1])
    first.close()
    assert newest(tmp_path, "classic") == newest(tmp_path, "latest") == newest(tmp_path, str(first.path)) == first.path
    with pytest.raises(UsageError, match="'calm' is no sweep"):
        newest(tmp_path, "calm")
    with pytest.raises(UsageError, match="holds no sweep"):
        SweepFolder.read(tmp_path)
