"""Which two telemetry lines of a record tell about a hang: the newest, and the one of when progress stopped."""

from __future__ import annotations

from collections.abc import Iterable

from nodes.kernel.protocol import Telemetry, parse_telemetry

MARK = "T t="
"""A run folder has the time before it."""


def at_stall(lines: Iterable[str]) -> tuple[Telemetry | None, Telemetry | None]:
    """The newest figures, and the oldest that show no less progress than these: the newest themselves for a machine that
    gets on, as nothing has grown since; None when there is one line alone. Lines that are torn, or no telemetry, are left
    out."""
    newest = stopped = None
    lines_read = 0
    for line in lines:
        if (one := parse_telemetry(line[max(0, line.find(MARK)) :])) is None:
            continue
        if newest is None or _progress(one) != _progress(newest):
            stopped = one
        newest, lines_read = one, lines_read + 1
    return newest, stopped if lines_read > 1 else None


def _progress(figures: Telemetry) -> int:
    return figures.populated + figures.progress
