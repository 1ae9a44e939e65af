"""The kinds of single values that a scenario knows: quantities with units, counts, words from a list, truth values."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping

from controller.experiment.scenario.fields import Kind
from nodes.errors import UsageError
from nodes.registry import did_you_mean
from nodes.units import EXACT_MAX


def quantity(parse: Callable[[object], int], units: Mapping[str, float], scale: int = 1) -> Kind:
    """A whole number with a unit; written back in the largest unit that loses nothing. `scale`: base units per ours."""

    def form(value: int) -> str:
        base = value * scale
        steps = sorted(units.items(), key=lambda item: item[1])
        unit, factor = [step for step in steps if base and base % step[1] == 0][-1] if base else steps[0]
        return f"{int(base / factor) if base < 1 << 53 else base // int(factor)} {unit}"

    return Kind(parse, lambda: {"type": "string", "pattern": _pattern(units)}, form, _with_unit(units))


def share(parse: Callable[[object], float], units: Mapping[str, float]) -> Kind:
    """A share with its unit, kept to 12 decimals so that it can be written and read again without a change."""
    return Kind(
        lambda text: round(parse(text), 12),
        lambda: {"type": "string", "pattern": _pattern(units)},
        lambda ratio: f"{ratio * 100:.10f}".rstrip("0").rstrip(".") + " %",
    )


def whole(low: int, high: int) -> Kind:
    """A plain whole number from `low` to `high`."""

    def parse(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise UsageError(f"'{value}' is not a whole number")
        if not low <= value <= high:
            raise UsageError(f"{value} is not possible: {low} to {high} are")
        return value

    return Kind(parse, lambda: {"type": "integer", "minimum": low, "maximum": high}, short=_number)


def number() -> Kind:
    """A plain number; none that is not finite."""

    def parse(value: object) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise UsageError(f"'{value}' is not a number")
        if not -EXACT_MAX <= value <= EXACT_MAX:
            raise UsageError(f"'{value}' is not a number that a figure can have: at most {EXACT_MAX} is possible")
        return float(value)

    return Kind(parse, lambda: {"type": "number"}, short=_number)


def flag() -> Kind:
    """true or false."""

    def parse(value: object) -> bool:
        if not isinstance(value, bool):
            raise UsageError(f"'{value}' is neither true nor false")
        return value

    return Kind(parse, lambda: {"type": "boolean"}, short=lambda text: {"true": True, "false": False}.get(text, text))


def text(what: str = "a text") -> Kind:
    """Any text."""

    def parse(value: object) -> str:
        if not isinstance(value, str):
            raise UsageError(f"'{value}' is not {what}: put it in quotes")
        return value

    return Kind(parse, lambda: {"type": "string"})


def word(what: str, known: Callable[[], Iterable[str]]) -> Kind:
    """One of the `known` names of a `what`; they are asked for when a file is read, so that registries may grow."""

    def parse(value: object) -> str:
        names = list(known())
        if not isinstance(value, str) or value not in names:
            raise UsageError(f"unknown {what} '{value}' ({did_you_mean(str(value), names)})")
        return value

    return Kind(parse, lambda: {"enum": list(known())})


def words(what: str, known: Callable[[], Iterable[str]]) -> Kind:
    """One `what`, or a list of them; kept as a tuple."""
    single = word(what, known)

    def parse(value: object) -> tuple[str, ...]:
        items = value if isinstance(value, list) else [value]
        if not items:
            raise UsageError(f"the list is empty: at least one {what} is needed")
        return tuple(single.parse(item) for item in items)

    return Kind(
        parse,
        lambda: {"anyOf": [single.schema(), {"type": "array", "items": single.schema(), "minItems": 1}]},
        lambda value: list(value) if len(value) > 1 else value[0],
    )


_SHORT = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kKMG]?)")


def _with_unit(units: Mapping[str, float]) -> Callable[[str], str]:
    """`8M` with the unit that `units` has for it: a size's is binary (`8 MiB`), a rate's decimal (`8 Mbit`). A plain number
    is one of the smallest unit, but a size or a time without a unit stays what it is: nobody can know what was meant."""
    binary, base = "KiB" in units, next(iter(units))
    plain = not binary and units[base] == 1 and base != "ns"

    def expand(text: str) -> str:
        match = _SHORT.fullmatch(text.strip())
        if match is None:
            return text
        number, letter = match.groups()
        unit = {"K": "KiB", "M": "MiB", "G": "GiB"}.get(letter, "") if binary else f"{letter}{base}"
        return f"{number} {unit}" if unit in units and (letter or plain) else text

    return expand


def _number(text: str) -> object:
    """The number in `text`, else the text itself, which the kind will refuse."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def _pattern(units: Mapping[str, float]) -> str:
    return rf"^\s*[0-9]+(\.[0-9]+)?\s*({'|'.join(units)})\s*$"
