"""A scenario's file as text: a regular file, and no more of it than a scenario has."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from controller.experiment.scenario.located import TEXT_BYTES_MAX, TOO_LARGE
from nodes.errors import ScenarioError


def read_text(path: Path) -> str:
    """What is in `path`. Raises ScenarioError for what is not a regular file (a device never ends, a pipe may never
    begin), too large or not text."""
    content = _content(path)
    if len(content) > TEXT_BYTES_MAX:
        raise ScenarioError(TOO_LARGE, file=str(path))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ScenarioError("is not UTF-8 text", line=line, file=str(path)) from None


def _content(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe nobody writes to does not block
    except FileNotFoundError:
        raise ScenarioError("no such file", file=str(path)) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ScenarioError("is not a regular file, as a scenario must be", file=str(path))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(TEXT_BYTES_MAX + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> ScenarioError:
    return ScenarioError(f"cannot be read: {error.strerror}", file=str(path))
