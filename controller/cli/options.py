"""Options with units and lists, with the option's name in the error; and groups that have a verb of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from typer.core import TyperGroup

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


def listed(option: str, text: str) -> tuple[str, ...]:
    """The words of `a,b,c`, each once. Raises UsageError when there are none."""
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise UsageError(f"{option}: '{text}' names nothing: words with commas are needed")
    return words


class RunUnlessNamed(TyperGroup):
    """A group whose `FILE ...` means `run FILE ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        return super().parse_args(ctx, args)
