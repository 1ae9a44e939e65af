"""Which code a process takes, as NETRESERVE_COMPILED says; and that the result is the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import mypy_extensions
import pytest
from requirements import require

from nodes import compiled
from nodes.compiled import NEEDS, Finder, cache, in_use, place, prefer, sources
from nodes.compiled.build import build

SUPPORT = Path(__file__).resolve().parents[1] / "support"
ROOT = SUPPORT.parents[1]
MODULE = "netreserve_no_such_module"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a list of finders that is thrown away."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [found for found in sys.meta_path if not isinstance(found, Finder)])
    return tmp_path


def test_the_modules_of_a_build_are_found_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "nodes" / "machine").mkdir(parents=True)
    file = tmp_path / "nodes" / "machine" / f"{MODULE}{EXTENSION_SUFFIXES[0]}"
    file.touch()
    finder = Finder(tmp_path)
    spec = finder.find_spec(f"nodes.machine.{MODULE}")
    assert spec is not None and spec.origin == str(file)
    assert finder.find_spec("nodes.machine.block") is None
    assert finder.find_spec(MODULE) is None


def test_without_a_build_plain_python_is_used(home: Path) -> None:
    prefer({})
    prefer({compiled.VARIABLE: "never"})
    assert in_use() is None


def test_a_build_of_these_sources_is_used_unless_it_is_not_wanted(home: Path) -> None:
    place().mkdir(parents=True)
    prefer({compiled.VARIABLE: "never"})
    assert in_use() is None
    prefer({})
    assert in_use() == place()


def test_a_build_of_other_sources_is_not_used(home: Path) -> None:
    (cache() / f"0123456789abcdef{EXTENSION_SUFFIXES[0]}").mkdir(parents=True)
    prefer({})
    assert in_use() is None


@pytest.mark.parametrize(
    ("wish", "code", "said"),
    [("always", 3, "nobody has compiled these sources"), ("yes", 2, "'auto', 'never' or 'always' is needed")],
)
def test_a_wish_that_cannot_be_met_ends_the_process_with_a_message(
    home: Path, capsys: pytest.CaptureFixture[str], wish: str, code: int, said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        prefer({compiled.VARIABLE: wish})
    assert ended.value.code == code
    assert said in capsys.readouterr().err


def test_the_place_depends_on_the_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = place()
    monkeypatch.setattr(compiled, "ALSO_HASHED", compiled.ALSO_HASHED[:-1])
    assert place() != before


def test_what_is_patched_or_compared_by_identity_stays_plain_python() -> None:
    names = {path.relative_to(compiled.NODES).as_posix() for path in sources()}
    assert {"machine/block.py", "machine/allocators/slab.py", "machine/policies/none.py", "sim/tcp.py"} <= names
    assert not names & {"machine/checks.py", "sim/cluster.py", "sim/proof.py", "machine/__init__.py"}


def test_a_build_brings_what_the_environment_may_lack(home: Path) -> None:
    """`uv sync --no-dev` has no mypy_extensions. Here there is no library at all."""
    kept = place() / NEEDS
    kept.mkdir(parents=True)
    shutil.copy2(mypy_extensions.__file__, kept)
    program = "import nodes, mypy_extensions; print(mypy_extensions.__file__)"
    environment = {**os.environ, compiled.VARIABLE: "always", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-S", "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == str(kept / "mypy_extensions.py"), done.stderr


@pytest.mark.timeout(900)
def test_compiled_and_plain_code_record_the_same_bytes() -> None:
    """In CI the build is made for this (a minute or two); elsewhere it is compared where somebody has made it."""
    require(place().is_dir() or os.environ.get("NETRESERVE_CI") == "1", f"needs a build: {compiled.COMMAND}")
    build()
    plain, fast = _digests("never"), _digests("always")
    assert plain.pop() == "interpreted" and fast.pop() == "compiled"
    assert len(plain) >= 10
    assert fast == plain


def _digests(wish: str) -> list[str]:
    environment = {**os.environ, compiled.VARIABLE: wish, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, str(SUPPORT / "outcomehashes.py")]
    return subprocess.run(program, env=environment, check=True, capture_output=True, text=True).stdout.splitlines()
