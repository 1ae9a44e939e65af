"""Which code computed a result: results of one version are not mixed with those of another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DECIDE = (
    "controller.studies.sweep.work",
    "controller.studies.trials",
    "controller.experiment.conclude",
    "controller.studies.comparison.figures",
)
"""The modules that decide what a simulated run comes to; what they import does so too, and nothing else."""

IMPORT = re.compile(
    r"^\s*(?:from|import) ((?:nodes|controller|traffic)\b[\w.]*)(?: import (\([^)]*\)|.*))?", re.MULTILINE
)
WORD = re.compile(r"\w+")


@cache
def fingerprint() -> str:
    """Of the code that decides what a simulated run comes to, as it was when this process first asked."""
    found = sha256()
    for path in sorted(deciding()):
        found.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def deciding() -> set[Path]:
    """The files of DECIDE, and of all that they import of ours."""
    found: set[Path] = set()
    left = [file for name in DECIDE for file in _files(name)]
    while left:
        file = left.pop()
        if file not in found:
            found.add(file)
            left += (each for name in _imported(file) for each in _files(name))
    return found


def _imported(file: Path) -> Iterator[str]:
    """The names that `file` imports from us: modules, and what may be one."""
    for module, names in IMPORT.findall(file.read_text()):
        yield from (f"{module}.{name}" for name in WORD.findall(names) or ["*"])


def _files(name: str) -> Iterator[Path]:
    """Of the module `name` and of the packages that it is in; none for a library's, or where the last word names no
    module but something in one."""
    path = ROOT
    for word in name.split("."):
        path = path / word
        yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file())
