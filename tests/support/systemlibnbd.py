"""Debian's python3-libnbd for this Python. It is not on PyPI, and the system's whole package folder must not get into the
environment."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nodes.container import nbddisk

SYSTEM_PACKAGES = Path("/usr/lib/python3/dist-packages")


@contextmanager
def usable(folder: Path) -> Iterator[bool]:
    """Links its two files into the empty `folder` and lets nodes.container.nbddisk use them meanwhile. False when there is
    none: its C part is built for the system's Python, and another minor version cannot load it."""
    for file in [*SYSTEM_PACKAGES.glob("nbd.py"), *SYSTEM_PACKAGES.glob("libnbdmod*.so")]:
        (folder / file.name).symlink_to(file)
    sys.path.append(str(folder))
    before = nbddisk.nbd
    with suppress(ImportError):
        nbddisk.nbd = importlib.import_module("nbd")
    try:
        yield nbddisk.nbd is not None
    finally:
        nbddisk.nbd = before
        sys.path.remove(str(folder))
