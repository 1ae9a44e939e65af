"""Quantities with units: parsed once at the edge, plain integers inside, and formatted for people.

Inside netreserve every kind of quantity has one unit, named last: `_bytes`, `_pages`, `_ns`, `_bps` (bits per second),
`_pps` (packets or pages per second), `_ratio` (0 to 1). A person always writes the unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from nodes.errors import UsageError

PAGE_BYTES = 4096
"""Size of a page, bytes (physics.md, unit rule)."""
SECOND_NS = 1_000_000_000
MS_NS = 1_000_000
US_NS = 1_000

SIZE_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
TIME_UNITS = {"ns": 1, "us": US_NS, "ms": MS_NS, "s": SECOND_NS, "min": 60 * SECOND_NS}
BIT_UNITS = {"bit": 1, "kbit": 1000, "Mbit": 1000**2, "Gbit": 1000**3}
PACKET_UNITS = {"pps": 1, "kpps": 1000, "Mpps": 1000**2}
PAGE_UNITS = {"pages/s": 1, "kpages/s": 1000}
RATIO_UNITS = {"%": 0.01}
EXACT_MAX = 1 << 53
"""In the smallest unit. The largest whole number that a float, and so a number and its unit, still has exactly: 8 PiB, 104
days, 9 Pbit."""
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z%/]+)\s*")


def parse_size_bytes(text: object) -> int:
    """A size, e.g. `64 MiB`, in bytes. Raises UsageError."""
    return _whole(text, SIZE_UNITS, "size", "64 MiB")


def parse_duration_ns(text: object) -> int:
    """A time, e.g. `200 us`, in nanoseconds. Raises UsageError."""
    return _whole(text, TIME_UNITS, "time", "200 us")


def parse_rate_bps(text: object) -> int:
    """A link rate, e.g. `1 Gbit`, in bits per second. Raises UsageError."""
    return _whole(text, BIT_UNITS, "link rate", "1 Gbit")


def parse_rate_pps(text: object) -> int:
    """A packet (or request) rate, e.g. `20 kpps`, per second. Raises UsageError."""
    return _whole(text, PACKET_UNITS, "packet rate", "20 kpps")


def parse_pages_per_s(text: object) -> int:
    """A paging rate, e.g. `2000 pages/s`. Raises UsageError."""
    return _whole(text, PAGE_UNITS, "page rate", "2000 pages/s")


def parse_ratio(text: object) -> float:
    """A share, e.g. `0.5 %`, as a number from 0 to 1. Raises UsageError also above 100 %."""
    ratio = _parse(text, RATIO_UNITS, "share", "0.5 %")
    if ratio > 1:
        raise UsageError(f"'{text}' is more than 100 %")
    return ratio


def pages_of(size_bytes: int) -> int:
    """Whole pages that hold `size_bytes`."""
    return -(-size_bytes // PAGE_BYTES)


def format_bytes(size_bytes: int | float) -> str:
    """`size_bytes` for a person, e.g. `64 MiB`."""
    return _format(size_bytes, (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)), "B")


def format_ns(time_ns: int | float) -> str:
    """`time_ns` for a person, e.g. `1.5 s`."""
    return _format(time_ns, (("s", SECOND_NS), ("ms", MS_NS), ("us", US_NS)), "ns")


def format_bps(rate_bps: int | float) -> str:
    """`rate_bps` for a person, e.g. `1 Gbit`."""
    return _format(rate_bps, (("Gbit", 1000**3), ("Mbit", 1000**2), ("kbit", 1000)), "bit")


def format_pps(rate_pps: int | float) -> str:
    """`rate_pps` for a person, e.g. `20 kpps`."""
    return _format(rate_pps, (("Mpps", 1000**2), ("kpps", 1000)), "pps")


def _parse(text: object, units: Mapping[str, float], kind: str, example: str) -> float:
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise UsageError(f"'{text}' is not a {kind}: a number and a unit are needed, for example '{example}'")
    number, unit = match.groups()
    if unit not in units:
        raise UsageError(
            f"'{text}' is not a {kind}: the unit must be one of {', '.join(units)}, for example '{example}'"
        )
    value = float(number) * units[unit]
    if value > EXACT_MAX:
        raise UsageError(
            f"'{text}' is too much for a {kind}: {EXACT_MAX} {next(iter(units))} is the most that is possible"
        )
    return value


def _whole(text: object, units: Mapping[str, float], kind: str, example: str) -> int:
    """`text` to the nearest whole number. One that is not 0 does not become 0, which often means something else: a link
    without a limit, a flood to the end of its phase."""
    value = _parse(text, units, kind, example)
    if value and not round(value):
        raise UsageError(f"'{text}' is too little for a {kind}: 0 or at least 1 {next(iter(units))} is possible")
    return round(value)


def _format(value: float, scale: tuple[tuple[str, int], ...], smallest: str) -> str:
    for unit, factor in scale:
        if abs(value) >= factor:
            return f"{value / factor:.3g} {unit}" if abs(value) < 1000 * factor else f"{value / factor:.0f} {unit}"
    return f"{value:.0f} {smallest}"
