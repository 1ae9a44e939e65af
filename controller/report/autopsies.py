"""What a real kernel's autopsy said, for the report: what was seen, what a cycle would still need, the files behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nodes.messages import Event
from nodes.units import SECOND_NS

FILES = {"console.log": "the guest's console", "telemetry.log": "its telemetry", "autopsy.txt": "every autopsy"}
"""Of a node in the run folder: `nodes/<name>.<ending>`."""


@dataclass(frozen=True)
class Examined:
    """The last autopsy of one initiator."""

    second: float
    """Of the run."""
    found: list[str]
    missing: list[str]
    unknown: list[str]
    """Blocked tasks that no rule knows."""
    earlier: int
    """Autopsies before it."""


def last(node: str, events: Sequence[Event], zero_ns: int) -> Examined | None:
    """The last autopsy of `node`; None without any."""
    own = sorted((e for e in events if e.kind == "autopsy" and e.node == node), key=lambda event: event.t_ns)
    if not own:
        return None
    detail = own[-1].detail
    texts = {name: _texts(detail.get(name)) for name in ("found", "missing", "unknown")}
    return Examined(second=(own[-1].t_ns - zero_ns) / SECOND_NS, earlier=len(own) - 1, **texts)


def files(node: str, folder: Path) -> list[tuple[str, str]]:
    """What of `node` lies in `folder`: the path from there, and what it is."""
    paths = {f"nodes/{node}.{ending}": what for ending, what in FILES.items()}
    return [(path, what) for path, what in paths.items() if (folder / path).is_file()]


def _texts(value: object) -> list[str]:
    return [str(line) for line in value] if isinstance(value, list | tuple) else []
