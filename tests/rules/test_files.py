"""What holds for every file: nothing of the machine it was written on, documented, and of a size one can read."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("nodes", "controller", "traffic")
LINES_MAX = 350
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("registry-1", "docker", "io"), ("ghcr", "io"), ("quay", "io"),
        ("npmjs", "org"), ("proxy", "golang", "org"), ("crates", "io"), ("deb", "debian", "org"),
    )
]  # fmt: skip
"""Whoever builds this has mirrors of his own; addresses belong into his configuration. (Put together, so that this file
does not hold them.)"""
FOREIGN_PATH = re.compile(r"(?<![\w./])/(?:" + "|".join(("home", "Users", "work")) + r")/\w")


@cache
def tracked() -> dict[str, str]:
    """Every tracked text file with its text; the lock file holds addresses by its nature."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = {}
    for name in listed.split("\0"):
        path = ROOT / name
        if name and name != "uv.lock" and path.is_file():
            content = path.read_bytes()
            if b"\0" not in content:
                found[name] = content.decode(errors="replace")
    return found


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_no_file_names_a_package_registry() -> None:
    assert not [(name, found) for name, text in tracked().items() for found in REGISTRIES if found in text]


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    assert not [(name, found[0]) for name, text in tracked().items() if (found := FOREIGN_PATH.search(text))]


def test_modules_are_short_enough_to_read() -> None:
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in modules()}
    assert not {name: count for name, count in lines.items() if count > LINES_MAX}


def undocumented(path: Path) -> Iterator[str]:
    """The module, and its public classes and functions, as far as they have no docstring."""
    tree = ast.parse(path.read_text())
    if path.name != "__init__.py" and not ast.get_docstring(tree):
        yield "the module"
    things = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
    yield from (node.name for node in things if node.name[0] != "_" and not ast.get_docstring(node))


def test_public_things_are_documented() -> None:
    assert not [(path.relative_to(ROOT).as_posix(), name) for path in modules() for name in undocumented(path)]
