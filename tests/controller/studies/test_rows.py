"""Nothing that was kept is lost: after a kill, in the middle of a line, beside another process, on a disk that is full."""

from __future__ import annotations

import errno
import json
from operator import attrgetter
from pathlib import Path

import pytest
from msgspec import Struct

from controller.studies import rows as module
from controller.studies.rows import Form, Rows, place
from nodes.errors import HarnessError, UsageError


class Found(Struct, frozen=True):
    name: str
    value: int


FORM: Form[str, Found] = Form("survey", Found, attrgetter("name"), "--fresh")
A, B, NEWER = Found("a", 1), Found("b", 2), Found("a", 3)


def test_what_was_kept_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rows.jsonl"
    with Rows.open(path, FORM) as rows:
        rows.append(A, B)
        rows.append(NEWER)
    with Rows.open(path, FORM) as again:
        assert list(again.by_key.items()) == [("b", B), ("a", NEWER)], "the newer counts, and stands last"
    assert Rows.read(path, FORM).by_key == again.by_key
    assert Rows.read(tmp_path / "none.jsonl", FORM).by_key == {}


def test_what_is_appended_is_on_the_disk_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    with Rows.open(tmp_path / "rows.jsonl", FORM) as rows:
        monkeypatch.setattr(module.os, "fsync", lambda number: synced.append(rows.path.read_bytes()))
        rows.append(A, B)
    assert synced[0].count(b"\n") == 2


@pytest.mark.parametrize("torn", [b'{"name":"c","val', b"\x00\x00\x00", b"{"])
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    with Rows.open(path, FORM) as rows:
        rows.append(A)
    path.write_bytes(path.read_bytes() + torn)
    assert [*Rows.read(path, FORM).by_key] == ["a"]
    with Rows.open(path, FORM) as rows:
        rows.append(B)
    assert [json.loads(line)["name"] for line in path.read_bytes().splitlines()] == ["a", "b"]


def test_a_broken_line_in_the_middle_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"name":"a","value":1}\nnonsense\n')
    with pytest.raises(HarnessError, match=r"rows.jsonl:2: not a row of a survey: .*; remove the line, or --fresh"):
        Rows.open(path, FORM)


def test_only_one_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Rows.open(path, FORM):
        with pytest.raises(UsageError, match=r"another process works on the survey in .*: wait for it, or --fresh"):
            Rows.open(path, FORM)
        assert Rows.read(path, FORM).by_key == {}, "whoever only looks may"
    Rows.open(path, FORM).close()


def test_fresh_puts_the_old_rows_aside(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Rows.open(path, FORM) as rows:
        rows.append(A)
    with Rows.open(path, FORM, fresh=True) as fresh:
        assert fresh.by_key == {}
        fresh.append(B)
    (aside,) = tmp_path.glob("rows-*.jsonl")
    assert Rows.read(aside, FORM).by_key == {"a": A} and Rows.read(path, FORM).by_key == {"b": B}


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match="no survey can be kept in"):
        Rows.open(tmp_path / "file" / "rows.jsonl", FORM)

    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Rows.open(tmp_path / "rows.jsonl", FORM) as rows:
        monkeypatch.setattr(module.os, "fsync", full)
        with pytest.raises(HarnessError, match=r"rows.jsonl cannot be written: No space left on device"):
            rows.append(A)
        assert rows.by_key == {}


def test_the_same_study_finds_its_rows_another_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = place(tmp_path, "classic", "size", "text", "memalloc")
    assert first == place(tmp_path, "classic", "size", "text", "memalloc")
    assert first.parent.parent == tmp_path / "classic" and first.parent.name.startswith("size-")
    others = {
        place(tmp_path, "classic", "size", "text", "none"), place(tmp_path, "classic", "size", "other", "memalloc"),
        place(tmp_path, "classic", "compare", "text", "memalloc"),
    }  # fmt: skip
    monkeypatch.setattr(module, "fingerprint", lambda: "another code")
    others.add(place(tmp_path, "classic", "size", "text", "memalloc"))
    assert len(others - {first}) == 4
