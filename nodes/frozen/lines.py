"""Lines of a log as messages of the kernel: without their prefix, with their time and, where the log tells, their writer."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from statistics import median_low

from msgspec import Struct

from nodes.frozen.clock import Clock
from nodes.frozen.prefix import Prefixes

LAST_STAMPS = 9
LINE_CHARS_MAX = 2000
"""The kernel writes some 1000 (kernel/printk/printk.c, LOG_LINE_MAX), loggers put something in front; more is no log's."""
_ESCAPE = re.compile(r"(?:\x1b|\^\[|#033|\\x1b)\[[0-9;?]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]+")
_CALLER = re.compile(r"\[ *([TC]\d+)\]|caller=([TC]\d+)")
_STAMP = re.compile(r"\[ *\d{1,9}\.\d{6}\] ")
_SECOND_STAMP = re.compile(r"(?<=[^\s\[(<\]])\s*(?=\[ *\d{1,9}\.\d{6}\] )")
_WANTS_MORE = re.compile(
    r"task:\S[^:]{0,40}$|task:.{1,40}state:[A-Z]\b(?:(?!pid:\s*\d).)*$|INFO: task (?:(?!seconds|owned|held).)*$"
    r"|page allocation failure[.:](?:(?!mode:0x).)*$|(?:DMA|DMA32|Normal) free:(?:(?!high:\d+kB).)*$"
)
"""The beginning of a message that is of use only whole, and does not stand whole on its line."""


class Message(Struct, frozen=True):
    """One message of the kernel's log."""

    text: str
    """Without indentation."""
    at_us: int | None = None
    """Since boot where the log tells, otherwise by the calendar; one clock in all of a log."""
    caller: str = ""
    """`T` and a thread or `C` and a CPU; empty where the log does not tell."""
    line: int = 0
    """Which of the lines it stands on, from 0."""


def newest_us(log: Sequence[Message]) -> int | None:
    """When the log ends: the middle one of its last stamps, as a serial line may spoil a digit of any."""
    stamps = [message.at_us for message in log if message.at_us is not None]
    return median_low(stamps[-LAST_STAMPS:]) if stamps else None


def messages(lines: Iterable[str]) -> list[Message]:
    """The lines' messages. Lines that a terminal or a mail program broke are put together where that matters."""
    plain = [(number, text) for number, line in enumerate(lines) for text in _cleaned(line)]
    prefixes, clock = Prefixes([text for _, text in plain]), Clock()
    read = []
    for number, line in plain:
        prefix, text = prefixes.split(line)
        caller = _CALLER.search(prefix) if prefix else None
        at = clock.read(prefix)
        read.append((number, text, at, (caller[1] or caller[2]) if caller else "", at != (None, None)))
    since_boot = sum(at[0] is not None for _, _, at, _, _ in read)
    clock_used = 0 if 2 * since_boot >= sum(at != (None, None) for _, _, at, _, _ in read) else 1
    found: list[Message] = []
    for number, text, at, who, stamped in read:
        if found and not stamped and text and _WANTS_MORE.search(found[-1].text):
            last = found[-1]
            found[-1] = Message(_joined(last.text, text), last.at_us, last.caller, last.line)
        else:
            found.append(Message(text, at[clock_used], who, number))
    return found


def _joined(first: str, second: str) -> str:
    """Mail breaks at spaces, which it takes away; a terminal breaks anywhere, also within a number."""
    return first + second if first[-1:] == ":" or (first[-1:].isalnum() and second[:1] in ".:") else f"{first} {second}"


def _cleaned(line: str) -> Iterator[str]:
    """The line without colours and control characters; two messages of which a line break got lost are two."""
    text = line[:LINE_CHARS_MAX].rstrip("\r\n")
    if "[" in text and ("\x1b" in text or "^[" in text or "#033" in text or "\\x1b" in text):
        text = _ESCAPE.sub("", text)
    if "&" in text:
        text = html.unescape(text)
    text = _CONTROL.sub("", text)
    first = _STAMP.search(text) if text.count("[") > 1 else None
    again = _SECOND_STAMP.search(text, first.end()) if first else None
    while again:
        yield text[: again.start()]
        text = text[again.end() :]
        again = _SECOND_STAMP.search(text, 1)
    yield text
