"""A guest's telemetry, read back from the run folder: `nodes/<name>.telemetry.log`, each line with its time before it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from nodes.kernel.protocol import Telemetry, parse_telemetry
from nodes.units import US_NS

Told = tuple[int, Telemetry]
"""When (Unix ns), and what."""


def telemetry(folder: Path, node: str) -> list[Told]:
    """All that `node` told in the run of `folder`, in order; torn lines are left out. Empty where there is no such file."""
    try:
        lines = (folder / "nodes" / f"{node}.telemetry.log").read_text(errors="replace").splitlines()
    except OSError:
        return []
    found = [(_time_ns(stamp), parse_telemetry(text)) for stamp, _, text in (line.partition(" ") for line in lines)]
    return [(t_ns, told) for t_ns, told in found if t_ns and told is not None]


def _time_ns(stamp: str) -> int:
    """Of `2026-11-23T02:50:21.123456Z`; 0 for any other text."""
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return 0
    return round(moment.timestamp() * 1e6) * US_NS if moment.tzinfo else 0
