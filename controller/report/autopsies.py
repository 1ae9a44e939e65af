"""What a real kernel's autopsy said, for the report: what was seen, what a cycle would still need, the files behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nodes.eventkinds import Autopsy
from nodes.messages import Event
from nodes.units import SECOND_NS

FILES = {"console.log": "the guest's console", "telemetry.log": "its telemetry", "autopsy.txt": "every autopsy"}
"""Of a node in the run folder: `nodes/<name>.<ending>`."""


@dataclass(frozen=True)
class Examined:
    """The last autopsy of one initiator."""

    second: float
    """Of the run."""
    found: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    """Blocked tasks that no rule knows."""
    earlier: int
    """Autopsies before it."""


def last(node: str, events: Sequence[Event], zero_ns: int) -> Examined | None:
    """The last autopsy of `node`; None without any."""
    ordered = sorted((event for event in events if event.node == node), key=lambda event: event.t_ns)
    own = [(event.t_ns, event.detail) for event in ordered if isinstance(event.detail, Autopsy)]
    if not own:
        return None
    t_ns, told = own[-1]
    return Examined(
        second=(t_ns - zero_ns) / SECOND_NS,
        found=told.found,
        missing=told.missing,
        unknown=told.unknown,
        earlier=len(own) - 1,
    )


def files(node: str, folder: Path) -> list[tuple[str, str]]:
    """What of `node` lies in `folder`: the path from there, and what it is."""
    paths = {f"nodes/{node}.{ending}": what for ending, what in FILES.items()}
    return [(path, what) for path, what in paths.items() if (folder / path).is_file()]
