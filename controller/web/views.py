"""One run as the page is told of it, whether recorded or under way; without its samples and events."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from controller.experiment.forking import Fork
from controller.experiment.record import Phase, Result
from controller.web.machines import FloodView, NodeView


class RunView(Struct, frozen=True, kw_only=True):
    """Times count from the beginning of the run, except within `result`."""

    id: str
    state: Literal["recorded", "unfinished", "simulating"]
    result: Result
    problem: str
    """What is wrong with the record, or why it has no verdict; empty when all is well."""
    zero_ns: int
    """What the others count from: Unix ns, in tier sim ns of virtual time."""
    phases: list[Phase]
    """As they were; as planned while it is simulated."""
    nodes: list[NodeView]
    floods: list[FloodView]
    """As planned."""
    scenario: str
    """As YAML; empty for a run by hand."""
    available: dict[str, bool]
    fork: Fork | None = None


def available(folder: Path | None) -> dict[str, bool]:
    """What lies in a run's folder beside the record."""
    return {
        "report": _has(folder, "report.html"),
        "picture": _has(folder, "picture.png"),
        "trace": _has(folder, "traces/*"),
        "console": _has(folder, "nodes/*.console.log"),
        "autopsy": _has(folder, "nodes/*.autopsy.txt"),
        "locust": _has(folder, "locust.json"),
    }


def fork_of(folder: Path) -> Fork | None:
    """Where the run in `folder` was forked from; None for one that was not, or whose file is not readable."""
    try:
        return msgspec.json.decode((folder / "fork.json").read_bytes(), type=Fork)
    except (OSError, msgspec.MsgspecError):
        return None


def _has(folder: Path | None, pattern: str) -> bool:
    return folder is not None and any(folder.glob(pattern))
