"""An axis of a sweep as a person writes it: one key of the scenario and the values that it takes.

policy=none,memalloc+srog                   as they stand
nodes.initiator.min_free=128K..8M:log16     16 values, equal ratios apart
floods.0.rate=1k..20k:lin8, 1k..20k:8       8 values, equal steps apart
"""

from __future__ import annotations

import math
import re
from typing import Literal

from msgspec import Struct

from controller.experiment.scenario.fields import Kind
from controller.experiment.scenario.vary import kind_of
from nodes.errors import UsageError

Scale = Literal["list", "lin", "log"]
VALUES_MAX = 1000
"""Of one axis: more than a picture has room for (own)."""
EXAMPLE = "for example policy=none,memalloc or floods.0.rate=1k..200k:log16"
_RANGE = re.compile(r"(?P<low>.+?)\.\.(?P<high>.+?)(?::(?P<spacing>[a-z]*)(?P<count>[0-9]*))?")


class Value(Struct, frozen=True, kw_only=True):
    """One value of an axis."""

    given: object
    """As it would stand in the file: for `vary`."""
    label: str
    """For people: `128 KiB`, `memalloc+srog`."""
    number: float | None = None
    """In netreserve's own unit; None: it is a word."""


class Axis(Struct, frozen=True, kw_only=True):
    """A key and its values, in order."""

    key: str
    values: tuple[Value, ...]
    scale: Scale = "list"
    asked: int
    """Values that were asked for; more than there are when some of them round to the same."""

    @property
    def note(self) -> str:
        """What to tell of it; empty when there are as many values as were asked for."""
        if self.asked == len(self.values):
            return ""
        return (
            f"{self.key}: {self.asked} values were asked for, {len(self.values)} remain: the others round to the same"
        )


def axis(text: str) -> Axis:
    """The axis in `text`. Raises UsageError that says what is wrong with it, and what would be right."""
    key, equals, values = (part.strip() for part in text.partition("="))
    if not (key and equals and values):
        raise UsageError(f"'{text}' is not an axis: KEY=VALUES is needed, {EXAMPLE}")
    kind = kind_of(key)
    match = _RANGE.fullmatch(values)
    return _range(key, kind, match) if match else _list(key, kind, values)


def _list(key: str, kind: Kind, text: str) -> Axis:
    values = tuple(_value(kind, _parsed(key, kind, part)) for part in text.split(","))
    labels = [value.label for value in values]
    if twice := next((label for label in labels if labels.count(label) > 1), ""):
        raise UsageError(f"{key}: {twice} stands there twice: once is enough")
    return Axis(key=key, values=values, asked=len(values))


def _range(key: str, kind: Kind, match: re.Match[str]) -> Axis:
    low, high = (_number(key, kind, match[name]) for name in ("low", "high"))
    scale, count = _spacing(key, match["spacing"] or "lin", match["count"])
    if not low < high:
        raise UsageError(f"{key}: {match['low']} is not below {match['high']}: LOW..HIGH is needed")
    if scale == "log" and low <= 0:
        raise UsageError(f"{key}: a log axis cannot begin at {match['low']}: more than 0 is needed")
    whole = isinstance(low, int) and isinstance(high, int)
    steps = [_step(low, high, index / (count - 1), scale) for index in range(count)]
    steps[-1] = high  # exactly, whatever was lost in powers
    kept = list(dict.fromkeys(round(step) if whole else step for step in steps))
    return Axis(key=key, values=tuple(_value(kind, step) for step in kept), scale=scale, asked=count)


def _step(low: float, high: float, share: float, scale: Scale) -> float:
    return low * math.pow(high / low, share) if scale == "log" else low + (high - low) * share


def _spacing(key: str, word: str, count: str) -> tuple[Scale, int]:
    if word not in ("lin", "log"):
        raise UsageError(f"{key}: unknown spacing '{word}': log16, lin8, or just a number of values")
    if not count:
        raise UsageError(f"{key}: how many values? LOW..HIGH:log16, LOW..HIGH:lin8 or LOW..HIGH:8 says so")
    if not 2 <= int(count) <= VALUES_MAX:
        raise UsageError(f"{key}: {count} values cannot be: 2 to {VALUES_MAX} are possible")
    return ("log" if word == "log" else "lin"), int(count)


def _number(key: str, kind: Kind, text: str) -> int | float:
    value = _parsed(key, kind, text)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(
            f"{key}: '{text}' is not a number that a range could begin or end with: list the values with commas"
        )
    return value


def _parsed(key: str, kind: Kind, text: str) -> object:
    try:
        return kind.parse(kind.short(text.strip()))
    except UsageError as error:
        raise UsageError(f"{key}: {error}") from None


def _value(kind: Kind, value: object) -> Value:
    given = kind.write(value)
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    label = "|".join(map(str, given)) if isinstance(given, list) else str(given)
    return Value(given=given, label=label.lower() if isinstance(given, bool) else label, number=number)
