"""Which of the `sayings` stand in a log and still count: what was taken back later does not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from nodes.frozen.lines import Message
from nodes.frozen.sayings import SAYINGS, Kind

_COMPILED = [(one, re.compile(one.form), re.compile(one.over) if one.over else None) for one in SAYINGS]
_ANY = re.compile(
    "|".join(re.sub(r"\(\?P<\w+>", "(?:", f"(?:{form})") for one in SAYINGS for form in (one.form, one.over) if form)
)


class Said(Struct, frozen=True):
    """One such message: the last of its kind and of whom it speaks."""

    kind: Kind
    words: str
    text: str
    at_us: int | None
    line: int
    count: int = 1


def said(log: Iterable[Message]) -> list[Said]:
    """What was said and not taken back, in the order of the last lines."""
    found: dict[tuple[str, str], Said] = {}
    for message in log:
        if not _ANY.search(message.text):
            continue
        for taken_back in list(_taken_back(message.text, found)):
            del found[taken_back]
        if one := _said(message):
            key, value = one
            earlier = found.pop(key, None)
            count = earlier.count + 1 if earlier else 1
            found[key] = Said(value.kind, value.words, value.text, value.at_us, value.line, count)
    return list(found.values())


def _said(message: Message) -> tuple[tuple[str, str], Said] | None:
    for one, form, _ in _COMPILED:
        if match := form.search(message.text):
            who = next((value for value in match.groupdict().values() if value), "")
            words = " ".join(one.words.replace("{}", who).split())
            return (one.form, who), Said(one.kind, words, message.text, message.at_us, message.line)
    return None


def _taken_back(text: str, found: dict[tuple[str, str], Said]) -> Iterator[tuple[str, str]]:
    for one, _, over in _COMPILED:
        if over and (match := over.search(text)):
            who = next((value for value in match.groupdict().values() if value), "")
            yield from (key for key in found if key[0] == one.form and (not who or key[1] in ("", who)))
