"""The boots that one log holds, apart: what was before a start does not explain what is after it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from nodes.frozen.lines import Message

_START = re.compile(r"Linux version \d|-- (?:Reboot|Boot [0-9a-f]{32}) ?--|Booting Linux on physical CPU")
_NEAR_LINES = 5
"""A start may say so in several lines."""
_BACK_US = 30_000_000
"""Since boot, time does not run backwards by so much: CPUs write a little out of order (own)."""
_LOOK_AHEAD_LINES = 50


def boots(log: Sequence[Message]) -> list[Sequence[Message]]:
    """The messages of each boot, in order. A log in which no start is seen is one boot."""
    cuts = [0, *_starts(log), len(log)]
    return [log[begin:end] for begin, end in pairwise(cuts) if begin < end]


def _starts(log: Sequence[Message]) -> Iterator[int]:
    newest_us, begun = 0, -_NEAR_LINES
    for index, message in enumerate(log):
        at_us = message.at_us
        if _START.match(message.text) or (at_us is not None and _restarted(log, index, newest_us)):
            if index and index - begun > _NEAR_LINES:
                yield index
            begun, newest_us = index, at_us or 0
        elif at_us is not None and newest_us < at_us <= _next_us(log, index, at_us) + _BACK_US:
            newest_us = at_us


def _restarted(log: Sequence[Message], index: int, newest_us: int) -> bool:
    """Whether this stamp and the next are far below `newest_us`: a serial line spoils one now and then, not two."""
    at_us = log[index].at_us or 0
    return at_us + _BACK_US < newest_us and _next_us(log, index, at_us) + _BACK_US < newest_us


def _next_us(log: Sequence[Message], index: int, default_us: int) -> int:
    for ahead in range(index + 1, min(len(log), index + 1 + _LOOK_AHEAD_LINES)):
        if (at_us := log[ahead].at_us) is not None:
            return at_us
    return default_us
