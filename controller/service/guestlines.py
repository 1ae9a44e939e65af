"""What a guest printed and what its autopsies said, as text files of the run folder: `nodes/<name>.console.log`,
`.telemetry.log` and `.autopsy.txt`. Every line begins with its time, UTC, on the clock of samples and events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from nodes.eventkinds import Autopsy, ConsoleLines, TelemetryLines
from nodes.messages import Event

LINE_KINDS = (ConsoleLines, TelemetryLines)
"""Kinds of events that carry lines: kept as such, not among the events."""


def log_name(event: Event) -> str:
    """The file for the lines of `event`."""
    return f"nodes/{event.node}.{event.kind}.log"


def log_text(event: Event) -> str:
    """Its lines."""
    assert isinstance(event.detail, LINE_KINDS)
    return "".join(f"{utc(t_ns)} {text.rstrip()}\n" for t_ns, text in event.detail.lines)


def autopsies(events: Iterable[Event]) -> dict[str, str]:
    """File -> text, for each node of whose guest an autopsy was made."""
    found: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event.detail, Autopsy) and (event.detail.found or event.detail.missing):
            found.setdefault(f"nodes/{event.node}.autopsy.txt", []).extend(_autopsy(event.t_ns, event.detail))
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in found.items()}


def utc(t_ns: int) -> str:
    """`2026-11-23T02:50:21.123456Z`."""
    return f"{datetime.fromtimestamp(t_ns / 1e9, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _autopsy(t_ns: int, told: Autopsy) -> Iterator[str]:
    yield f"{utc(t_ns)} {told.kind}"
    yield from (f"  found: {sentence}" for sentence in told.found)
    yield from (f"  missing: {sentence}" for sentence in told.missing)
