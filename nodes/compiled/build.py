"""Compiles the typed machine with mypyc, in a copy of its sources.

The copy differs in three things. Worlds are pickled, copied and gone on with (controller/simulated), so classes are marked
so that mypyc lets them be made without arguments, and records are not frozen, only hashable as before. And constants are
declared Final, so that they need not be looked up. In the sources themselves all that would say nothing to a reader.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from nodes.compiled import NEEDS, NODES, cache, place, sources
from nodes.errors import HarnessError, LackingError

MARK = "@mypyc_attr(serializable=True, allow_interpreted_subclasses=True)"
"""Both: with the first alone, mypyc 2.4 lets `__init__` be called by compiled callers only."""
IMPORT = "from typing import Final\n\nfrom mypy_extensions import mypyc_attr"
FUTURE = "from __future__ import annotations"
FROZEN, HASHABLE = "dataclass(frozen=True", "dataclass(unsafe_hash=True"
CONSTANTS = ("units.py", "config.py")
"""Not compiled; what is compiled uses their constants."""
TOLD_LINES = 15
"""Of what a compiler says when it fails (own)."""


def build() -> Path:
    """The folder of a build of these sources, made if it is not there: takes a minute or two. Raises LackingError when
    this machine has no compiler or this environment no mypyc, HarnessError when they fail."""
    folder = place()
    if folder.is_dir():
        return folder
    _require_tools()
    with TemporaryDirectory(prefix="netreserve-") as scratch:
        copy = Path(scratch)
        _compile(copy, _copied(copy))
        _publish(copy, folder)
    return folder


def remove() -> int:
    """Removes every build, of whatever sources; how many there were."""
    builds = [path for path in cache().glob("*") if path.is_dir() and any(path.glob("*__mypyc.*"))]
    for path in builds:
        shutil.rmtree(path)
    return len(builds)


def _require_tools() -> None:
    if find_spec("mypyc") is None or find_spec("setuptools") is None:
        raise LackingError("mypyc and setuptools are not installed: run `uv sync` in a checkout")
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        raise LackingError(f"there is no C compiler ('{compiler}'): install gcc (Debian: apt-get install gcc)")
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    if not headers.exists():
        raise LackingError(f"Python's headers are not installed ({headers}; Debian: apt-get install python3-dev)")


def _copied(copy: Path) -> list[str]:
    """Copies all of nodes/, so that the types of what is not compiled are known; answers the files to compile."""
    shutil.copytree(NODES, copy / "nodes", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    files = sources(copy / "nodes")
    for path in [*files, *(copy / "nodes" / name for name in CONSTANTS)]:
        path.write_text(adapted(path.read_text()))
    return [path.relative_to(copy).as_posix() for path in files]


def adapted(source: str) -> str:
    """`source` with its classes marked, its records thawed and its constants declared."""
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    for node in tree.body:
        if (name := _constant(node)) is not None:
            lines[node.lineno - 1] = lines[node.lineno - 1].replace(name, f"{name}: Final", 1)
    for line in sorted(_class_lines(tree), reverse=True):
        lines.insert(line - 1, f"{MARK}\n")
    return "".join(lines).replace(FROZEN, HASHABLE).replace(FUTURE, f"{FUTURE}\n{IMPORT}", 1)


def _constant(node: ast.stmt) -> str | None:
    """The name that `node` gives to a number, worked out from numbers and other constants."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name) or len(node.targets) > 1:
        return None
    parts = (ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context)
    names = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    numbers = [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
    arithmetic = all(isinstance(part, parts) for part in ast.walk(node.value))
    if arithmetic and numbers and all(type(value) is int for value in numbers) and all(map(str.isupper, names)):
        return node.targets[0].id
    return None


def _class_lines(tree: ast.Module) -> Iterator[int]:
    """Where classes begin, decorators included; not enums, whose members Python makes."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not any("Enum" in ast.unparse(base) for base in node.bases):
            yield min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _compile(copy: Path, files: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypyc", "--follow-imports=silent", "--config-file=", *files],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MYPYC_DEBUG_LEVEL": "0", "NETRESERVE_COMPILED": "never"},
    )
    if done.returncode:
        told = "\n".join((done.stdout + done.stderr).splitlines()[-TOLD_LINES:])
        raise HarnessError(f"the machine could not be compiled:\n{told}")


def _publish(copy: Path, folder: Path) -> None:
    """All of it at once: who looks meanwhile finds nothing or everything."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", dir=folder.parent) as scratch:
        whole = Path(scratch) / "whole"
        for path in (*copy.glob(f"*{EXTENSION_SUFFIXES[0]}"), *(copy / "nodes").rglob(f"*{EXTENSION_SUFFIXES[0]}")):
            kept = whole / path.relative_to(copy)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, kept)
        _keep_needs(whole / NEEDS)
        try:
            whole.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise HarnessError(f"the build cannot be kept as {folder}") from None


def _keep_needs(folder: Path) -> None:
    """Compiled records look their mark up when they are made, so that a build takes mypy_extensions along: one file."""
    found = find_spec("mypy_extensions")
    assert found is not None and found.origin is not None, "mypyc needs it too"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(found.origin, folder)
