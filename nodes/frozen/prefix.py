"""Where a kernel message begins in its line. Here alone it is decided what a prefix is, and it is learnt, not listed.

Whatever wrote a log put the same things in front of each line: stamps, names, levels, quotation marks. So what stands in
front of well-known phrases (`phrases`) is turned into a *shape* (words, brackets and spaces lose their content, all else
stays), and the shapes that are common in this log are prefixes in it, also where an unknown message follows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from nodes.frozen.phrases import begins, phrase_at

COMMON_RATIO = 0.02
"""Share of the recognised lines from which on a shape counts as a prefix of this log; rarer ones are torn lines (own)."""
SHAPES_MAX = 16
LEARNT_FROM_MAX = 1000
"""Lines, spread over the log: more teach nothing (own)."""
PREFIX_CHARS_MAX = 200
_STAMP = re.compile(r"\[ *\d{1,9}\.\d{6}\]\s+")
"""The kernel's own, which needs no learning, whatever stands before it."""
_TOKEN = re.compile(r"(\[[^\]]{0,80}\])|(<[^<>]{0,20}>)|(\([^()]{0,80}\))|([^\s\[\]<>():;,|=]+)|(\s+)|(.)", re.DOTALL)
_PATTERNS = {
    "B": r"\[[^\]]{0,80}\]",
    "A": r"<[^<>]{0,20}>",
    "P": r"\([^()]{0,80}\)",
    "W": r"[^\s\[\]<>():;,|=]+",
    " ": r"\s+",
}
"""What a letter of a shape stands for; every other character stands for itself, and is none of these."""


class Prefixes:
    """The prefixes of one log."""

    def __init__(self, lines: Sequence[str]) -> None:
        sample = lines[:: 1 + len(lines) // LEARNT_FROM_MAX]
        counts = Counter(shape for line in sample if (shape := _shape_of(line)) is not None)
        common = [
            (shape, count) for shape, count in counts.most_common(SHAPES_MAX) if count >= COMMON_RATIO * counts.total()
        ]
        self._learnt = [(shape, _compiled(shape)) for shape, _ in common]

    @property
    def shapes(self) -> Sequence[str]:
        """The shapes that were learnt, the commonest first."""
        return [shape for shape, _ in self._learnt]

    def split(self, line: str) -> tuple[str, str]:
        """`line` as what stands in front and the message. A prefix that a known phrase follows is preferred; without one
        the commonest that fits is taken; where none does, as after other words on the same line, all up to the phrase."""
        fits = None
        for shape, pattern in self._learnt:
            if found := pattern.match(line):
                if begins(line, found.end()):
                    return line[: found.end()], line[found.end() :].rstrip()
                if fits is None:
                    fits = found if shape or not line[:1].isspace() else None
        fits = fits or _STAMP.search(line)
        if fits is None and (at := phrase_at(line)) >= 0 and line.count("[", 0, at) == line.count("]", 0, at):
            return line[:at], line[at:].strip()  # a stamp that breaks off has taken a part of the message along
        end = fits.end() if fits else 0
        return line[:end], line[end:].strip()


def _shape_of(line: str) -> str | None:
    """The shape of what stands before the line's first phrase; None for a line without one."""
    at = phrase_at(line)
    if not 0 <= at <= PREFIX_CHARS_MAX:
        return None
    return "".join(_letter(token) for token in _TOKEN.finditer(line[:at].strip()))


def _letter(token: re.Match[str]) -> str:
    return "BAPW "[token.lastindex - 1] if token.lastindex and token.lastindex < 6 else token[0]


def _compiled(shape: str) -> re.Pattern[str]:
    return re.compile(
        r"\s*" + "".join(_PATTERNS.get(letter) or re.escape(letter) for letter in shape) + r"\s*", re.DOTALL
    )
