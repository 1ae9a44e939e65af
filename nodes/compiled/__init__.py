"""The machine and the simulator as machine code, where somebody has compiled exactly these sources; else plain Python.

`python -m nodes.compiled build` compiles the typed modules (build.py) into a folder of their own, named after a hash of the
sources. `prefer`, called when `nodes` is imported, lets Python find a module there first. Nothing else changes: the same
sources give the same traces either way (tests/nodes/test_compiled.py). Nothing is built behind anybody's back.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

VARIABLE = "NETRESERVE_COMPILED"
COMMAND = "uv run python -m nodes.compiled build"
NODES = Path(__file__).resolve().parents[1]
COMPILED = ("machine/*.py", "machine/*/*.py", "sim/*.py")
"""Modules that are compiled, below nodes/."""
INTERPRETED = (
    "__init__.py", "machine/checks.py", "machine/allocators/recording.py", "sim/cluster.py", "sim/proof.py",
)  # fmt: skip
"""And those that are not: tables of names, what stands in another's place, and what compares functions by identity."""
ALSO_HASHED = (
    "config.py", "errors.py", "eventkinds.py", "floods.py", "messages.py", "registry.py", "units.py", "compiled/build.py",
)  # fmt: skip
"""What the compiled code knows of others, and how it was made."""
NEEDS = "needs"
"""Folder of a build: the libraries that it takes beyond the base, for an environment that has none (`uv sync --no-dev`)."""


def sources(nodes: Path = NODES) -> list[Path]:
    """The modules that are compiled, below `nodes`."""
    found = (path for pattern in COMPILED for path in sorted(nodes.glob(pattern)))
    return [path for path in found if not path.as_posix().endswith(INTERPRETED)]


def cache() -> Path:
    """Where builds are kept: $XDG_CACHE_HOME/netreserve, or ~/.cache/netreserve. May not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "netreserve"  # noqa: PTH111


def place() -> Path:
    """The folder of a build of these very sources for this very Python. May not exist."""
    found = sha256()
    for path in [*sources(), *(NODES / name for name in ALSO_HASHED)]:
        found.update(path.relative_to(NODES).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return cache() / f"{found.hexdigest()[:16]}{EXTENSION_SUFFIXES[0].removesuffix('.so').removesuffix('.pyd')}"


class Finder:
    """Finds the modules of a build in `folder`: one file each, and the library that all of them are a door to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = {_module_name(path, folder): path for path in folder.rglob(f"*{EXTENSION_SUFFIXES[0]}")}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See importlib.abc.MetaPathFinder."""
        file = self._files.get(name)
        return spec_from_file_location(name, file) if file is not None else None


def prefer(environment: Mapping[str, str] = os.environ) -> None:
    """From now on modules come from a build, as NETRESERVE_COMPILED says: `auto` (if there is one), `never`, or `always`.

    Ends the process, with a message and the exit codes of `nodes.errors`, for another value (2) and for `always` without a
    build (3): `nodes` is being imported, so that nobody is there yet who could say it.
    """
    wish = environment.get(VARIABLE) or "auto"
    if wish == "never":
        return
    if wish not in ("auto", "always"):
        _give_up(2, f"{VARIABLE}={wish}: 'auto', 'never' or 'always' is needed")
    folder = place() if cache().is_dir() else None
    if folder is not None and folder.is_dir():
        sys.meta_path.insert(0, Finder(folder))
        sys.path.append(str(folder / NEEDS))  # at the end: an installed one goes first
    elif wish == "always":
        _give_up(3, f"{VARIABLE}=always, but nobody has compiled these sources: unset it and run `{COMMAND}` first")


def in_use() -> Path | None:
    """The build that this process takes its modules from; None: plain Python."""
    return next((finder.folder for finder in sys.meta_path if isinstance(finder, Finder)), None)


def _module_name(path: Path, folder: Path) -> str:
    return ".".join(path.relative_to(folder).parts).removesuffix(EXTENSION_SUFFIXES[0])


def _give_up(code: int, message: str) -> None:
    print(f"netreserve: {message}", file=sys.stderr)
    raise SystemExit(code)
