"""A sweep goes on where it was; another never writes into its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from sweptgrids import more_reserve_helps, plan, rows

from controller.studies.sweep import folder as folders
from controller.studies.sweep.folder import SweepFolder, newest
from nodes.errors import UsageError

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


def test_only_one_process_writes(tmp_path: Path) -> None:
    first = started(tmp_path)
    with pytest.raises(UsageError, match="another process works on the sweep"):
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


def test_a_sweep_is_found_by_name(tmp_path: Path) -> None:
    first = started(tmp_path)
    first.append(ROWS_MADE[:1])
    first.close()
    assert newest(tmp_path, "classic") == newest(tmp_path, "latest") == newest(tmp_path, str(first.path)) == first.path
    with pytest.raises(UsageError, match="'calm' is not a sweep"):
        newest(tmp_path, "calm")
    with pytest.raises(UsageError, match="holds no sweep"):
        SweepFolder.read(tmp_path)
