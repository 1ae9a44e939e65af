"""The copy of the sources that is compiled, what it takes to compile it, and the command."""

from __future__ import annotations

import shutil
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from nodes.compiled import NEEDS, cache
from nodes.compiled import build as builder
from nodes.compiled.__main__ import main
from nodes.compiled.build import IMPORT, MARK, adapted, build, remove
from nodes.errors import LackingError

SOURCE = '''"""A module."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


SIZE_BYTES = 1 << 12
HALF_BYTES = SIZE_BYTES // 2
NAME = "no number"
SIZES = (1, 2)


class Kind(IntEnum):
    ONE = 1


@dataclass(frozen=True, slots=True)
class Record:
    number: int


class Plain:
    __slots__ = ()
'''


def test_classes_are_marked_and_records_thawed() -> None:
    text = adapted(SOURCE)
    assert f"{MARK}\n@dataclass(unsafe_hash=True, slots=True)\nclass Record" in text
    assert f"{MARK}\nclass Plain" in text
    assert f"{MARK}\nclass Kind" not in text
    assert text.count(IMPORT) == 1


def test_numbers_are_declared_and_nothing_else() -> None:
    text = adapted(SOURCE)
    assert "SIZE_BYTES: Final = 1 << 12\nHALF_BYTES: Final = SIZE_BYTES // 2\n" in text
    assert 'NAME = "no number"\nSIZES = (1, 2)\n' in text


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.usefixtures("empty_cache")
def test_a_machine_without_a_compiler_is_told_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -pthread")
    with pytest.raises(LackingError, match="no C compiler \\('no-such-compiler'\\)"):
        build()
    assert main(["build"]) == LackingError.exit_code
    assert "apt-get install gcc" in capsys.readouterr().err


@pytest.mark.usefixtures("empty_cache")
def test_an_environment_without_mypyc_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "find_spec", lambda name: None)
    with pytest.raises(LackingError, match="mypyc and setuptools are not installed"):
        build()


@pytest.mark.usefixtures("empty_cache")
def test_builds_are_removed_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    old, other = cache() / f"0123{EXTENSION_SUFFIXES[0]}", cache() / "other"
    old.mkdir(parents=True)
    other.mkdir()
    (old / f"abc__mypyc{EXTENSION_SUFFIXES[0]}").touch()
    assert remove() == 1
    assert other.is_dir() and not old.exists()
    shutil.rmtree(other)
    assert main(["status"]) == 0
    assert "plain Python: nobody has compiled" in capsys.readouterr().out


def test_an_unknown_verb_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["make"]) == 2
    assert "'build', 'status' or 'remove' is needed" in capsys.readouterr().err


def test_a_build_takes_mypy_extensions_along(tmp_path: Path) -> None:
    (tmp_path / "copy" / "nodes").mkdir(parents=True)
    builder._publish(tmp_path / "copy", tmp_path / "builds" / "one")
    assert "def mypyc_attr" in (tmp_path / "builds" / "one" / NEEDS / "mypy_extensions.py").read_text()
