"""When a line was written, from its prefix: since boot where it tells, otherwise by the calendar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

SECOND_US = 1_000_000
_YEAR = 2000
"""Stands for a year that is not told: one with a 29th of February."""
_UPTIME = re.compile(r"\[ *(?P<s>\d{1,9})\.(?P<us>\d{6})\d*[ \]@<]")
_NETCONSOLE = re.compile(r"(?:^|,)\d{1,3},\d{1,18},(?P<us>\d{1,18}),")
_DELTA = re.compile(r"\[ *\+(?P<s>\d{1,9})\.(?P<us>\d{6})\d*\]")
_EPOCH = re.compile(r"(?:^|\[|\s)(?P<s>1\d{9})\.(?P<us>\d{1,9})\b")
_ISO = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[T _](?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?:[.,](?P<part>\d{1,9}))?"
)
_NAMED = re.compile(
    r"(?P<name>[^\W\d]{3,}\.?|\d{1,2}月) +(?P<day>\d{1,2}) (?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?:[.,](?P<part>\d{1,9}))?"
    r"(?: (?P<year>\d{4})\b)?"
)
_LOGCAT = re.compile(r"\b(?P<month>\d\d)[-/](?P<day>\d\d) (?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?:\.(?P<part>\d{1,9}))?")
_SHORT = re.compile(r"\[(?P<name>[^\W\d]{3,}\.?)(?P<day>\d\d) (?P<h>\d\d):(?P<m>\d\d)\]")
_DAYTIME = re.compile(r"\b(?P<h>[0-2]\d):(?P<m>[0-5]\d):(?P<s>[0-5]\d)(?:[.,:](?P<part>\d{1,9}))?")
_CALENDAR = (_ISO, _NAMED, _LOGCAT, _SHORT, _DAYTIME)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HALF_A_YEAR_US = 183 * 86_400 * SECOND_US


class Clock:
    """Reads one log's prefixes in their order, which fills in what a date leaves out.

    A month of another language is taken for the one after the last new one: that keeps days apart that are apart.
    """

    def __init__(self) -> None:
        self._months: dict[str, int] = {}
        self._newest_us: int | None = None
        self._since_start_us = 0

    def read(self, prefix: str) -> tuple[int | None, int | None]:
        """Microseconds since boot, and microseconds by the calendar; None for what the prefix does not tell."""
        return self._since_boot(prefix), self._by_calendar(prefix)

    def _since_boot(self, prefix: str) -> int | None:
        if stamps := list(
            _UPTIME.finditer(prefix)
        ):  # the last one is the kernel's own: loggers write theirs in front of it
            return int(stamps[-1]["s"]) * SECOND_US + int(stamps[-1]["us"])
        return int(found["us"]) if (found := _NETCONSOLE.search(prefix)) else None

    def _by_calendar(self, prefix: str) -> int | None:
        if found := _DELTA.search(prefix):
            self._since_start_us += int(found["s"]) * SECOND_US + int(found["us"])
            return self._since_start_us
        if found := _EPOCH.search(prefix):
            return int(found["s"]) * SECOND_US + int(found["us"][:6].ljust(6, "0"))
        for form in _CALENDAR:
            if (found := form.search(prefix)) and (at := self._date(found.groupdict())) is not None:
                return self._in_order(_microseconds(at), found)
        return None

    def _date(self, parts: Mapping[str, str | None]) -> datetime | None:
        month = int(parts.get("month") or 0) or self._month(parts.get("name"))
        try:
            return datetime(
                int(parts.get("year") or _YEAR), month, int(parts.get("day") or 1), int(parts["h"] or 0),
                int(parts["m"] or 0), int(parts.get("s") or 0), int((parts.get("part") or "0")[:6].ljust(6, "0")),
            )  # fmt: skip
        except ValueError:
            return None

    def _month(self, name: str | None) -> int:
        if not name:
            return 1
        key = name.lower().rstrip(".")
        if key[:-1].isdigit():
            return int(key[:-1])
        if key[:3] in _MONTHS:
            return _MONTHS.index(key[:3]) + 1
        return self._months.setdefault(key, min(len(self._months) + 1, 12))

    def _in_order(self, at_us: int, found: re.Match[str]) -> int:
        """Without a year December comes before January, and without a date midnight before the morning."""
        newest = self._newest_us
        if newest is not None and not found.groupdict().get("year"):
            step_us = SECOND_US * 86_400 * (1 if found.re is _DAYTIME else 366)
            while newest - at_us > (step_us // 2 if found.re is _DAYTIME else _HALF_A_YEAR_US):
                at_us += step_us
        self._newest_us = max(at_us, newest or at_us)
        return at_us


def _microseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1)) // timedelta(microseconds=1)
