"""What holds of the words of any command, before a verb reads them."""

from __future__ import annotations

from collections.abc import Sequence

from nodes.errors import UsageError


def refuse_empty(words: Sequence[str]) -> None:
    """Raises UsageError for a word without a letter in it, and for `--option=` with nothing behind: a verb could take it for
    one that was left out. It comes of a shell's variable that is not set."""
    before = ""
    for word in words:
        option, equals, value = word.partition("=") if word.startswith("--") else (before, "=", word)
        if equals and not value.strip():
            if option.startswith("--"):
                raise UsageError(f"{option} is given nothing: leave it out, or give it a value")
            raise UsageError(f"'{word}' names nothing: leave it out, or write what is meant")
        before = word
