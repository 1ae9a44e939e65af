"""Whether what was read back is what was asked: value by value, never as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from nodes.config import Shape, Spec
from nodes.errors import InconclusiveError
from nodes.messages import Reported
from nodes.units import PAGE_BYTES, format_bytes

ROUNDING_RATIO = 0.01
"""The kernel keeps link settings in ticks and bytes per second: that much may get lost (own)."""

Difference = tuple[str, object, object]


def differences(spec: Spec, shape: Shape, found: Reported) -> Iterator[Difference]:
    """`(setting, asked, found)` for each value that is not in force. Link settings and ratios may be rounded."""
    yield from _unequal(flat(spec), flat(found.spec) if found.spec else {}, rounded=False)
    asked = {name: value for name, value in flat(shape).items() if value is not None}
    yield from _unequal(asked, flat(found.shape), rounded=True)


def limit_note(limit_bytes: int, found: Reported) -> str:
    """What to note about a node whose container got `limit_bytes` of memory; empty when the node reads the same in its own
    cgroup. Raises InconclusiveError when it reads another limit: that one is in force, whatever Docker says."""
    there_bytes = int(found.measured.get("cgroup_limit_bytes", 0))
    if not there_bytes:
        return f"{found.node} reads no memory limit in its cgroup: {format_bytes(limit_bytes)} is what Docker says"
    if there_bytes // PAGE_BYTES != limit_bytes // PAGE_BYTES:  # the kernel counts in pages
        raise InconclusiveError(f"{found.node}: memory limit is {there_bytes} bytes, {limit_bytes} were asked for")
    return ""


def flat(record: Any, prefix: str = "") -> dict[str, object]:
    """A record's values by dotted path, e.g. `machine.memory_pages`, `sinks.0.port`."""
    built = msgspec.to_builtins(record) if isinstance(record, msgspec.Struct) else record
    items = built.items() if isinstance(built, dict) else enumerate(built)
    found: dict[str, object] = {}
    for name, value in items:
        path = f"{prefix}{name}"
        found.update(flat(value, f"{path}.") if isinstance(value, dict | list | tuple) else {path: value})
    return found


def _unequal(asked: dict[str, object], found: dict[str, object], rounded: bool) -> Iterator[Difference]:
    for path in {**asked, **found} if not rounded else asked:
        wanted, there = asked.get(path), found.get(path)
        if not _same(wanted, there, rounded):
            yield path, wanted, "not there" if path not in found else there


def _same(asked: object, found: object, rounded: bool) -> bool:
    numbers = isinstance(asked, int | float) and isinstance(found, int | float)
    if numbers and (rounded or isinstance(asked, float)):
        return math.isclose(asked, found, rel_tol=ROUNDING_RATIO)  # type: ignore[arg-type]
    return asked == found
