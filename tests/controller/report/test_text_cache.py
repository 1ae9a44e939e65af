"""Goal: a kept text is made once; a cache that cannot be used costs time, never the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.report.text_cache import kept


def never() -> str:
    raise AssertionError("made a second time")


def test_it_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "absent" / "cache"))
    assert kept("a.js", lambda: "eins") == "eins"
    assert kept("a.js", never) == "eins"
    assert kept("b.js", lambda: "zwei") == "zwei"
    assert {path.name for path in (tmp_path / "absent" / "cache" / "netreserve").iterdir()} == {"a.js", "b.js"}


def test_the_home_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    kept("a.js", lambda: "eins")
    assert (tmp_path / ".cache" / "netreserve" / "a.js").read_text() == "eins"


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netreserve").write_text("a file where the folder would be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert [kept("a.js", lambda: "eins") for _ in range(2)] == ["eins", "eins"]


def test_what_is_no_text_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept("a.js", lambda: "eins")
    (tmp_path / "netreserve" / "a.js").write_bytes(b"\xff\xfe")
    assert kept("a.js", lambda: "zwei") == "zwei"
    assert kept("a.js", never) == "zwei"
