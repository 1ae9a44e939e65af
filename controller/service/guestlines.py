"""What a guest printed and what its autopsies said, as text files of the run folder: `nodes/<name>.console.log`,
`.telemetry.log` and `.autopsy.txt`. Every line begins with its time, UTC, on the clock of samples and events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from nodes.messages import Event

LINE_KINDS = ("console", "telemetry")
"""Kinds of events that carry lines: kept as such, not among the events."""
SENTENCES = ("found", "missing")
"""Of an autopsy: what was recognised, and what was not."""


def log_name(event: Event) -> str:
    """The file for the lines of `event`."""
    return f"nodes/{event.node}.{event.kind}.log"


def log_text(event: Event) -> str:
    """Its lines."""
    return "".join(f"{utc(t_ns)} {str(text).rstrip()}\n" for t_ns, text in event.detail.get("lines", ()))


def autopsies(events: Iterable[Event]) -> dict[str, str]:
    """File -> text, for each node of whose guest an autopsy was made."""
    found: dict[str, list[str]] = {}
    for event in events:
        if any(event.detail.get(name) for name in SENTENCES):
            found.setdefault(f"nodes/{event.node}.autopsy.txt", []).extend(_autopsy(event))
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in found.items()}


def utc(t_ns: int) -> str:
    """`2026-11-23T02:50:21.123456Z`."""
    return f"{datetime.fromtimestamp(t_ns / 1e9, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _autopsy(event: Event) -> Iterator[str]:
    yield f"{utc(event.t_ns)} {event.kind}"
    for name in SENTENCES:
        for sentence in _sentences(event.detail.get(name)):
            yield f"  {name}: {sentence}"


def _sentences(said: object) -> Sequence[object]:
    return said if isinstance(said, list | tuple) else [said] if said else []
