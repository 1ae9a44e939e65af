"""A file is there in full or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.store.whole import write_whole


def test_it_is_there_in_full(tmp_path: Path) -> None:
    assert write_whole(tmp_path / "a", "ö").read_bytes() == "ö".encode()
    assert write_whole(tmp_path / "a", b"new").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_one_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_whole(tmp_path / "report.html", "old")

    def torn(half: Path, content: bytes) -> int:
        with half.open("wb") as stream:
            stream.write(content[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", torn)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "newer")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
