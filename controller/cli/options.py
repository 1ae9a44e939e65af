"""Options with units: parsed by nodes.units, with the option's name in the error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from nodes.errors import UsageError

T = TypeVar("T")


def parsed(option: str, text: str, parse: Callable[[object], T]) -> T:
    """`text` as `parse` reads it. Raises UsageError."""
    try:
        return parse(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None


def given(option: str, text: str | None, parse: Callable[[object], T]) -> T | None:
    """As `parsed`; None for an option that was left out."""
    return None if text is None else parsed(option, text, parse)
