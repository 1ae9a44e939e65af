"""Kernel log lines as they reach somebody: what stands before the text is taken off, and the task or CPU that wrote it kept.

Known forms: a console's (`[  12.345678] text`, with or without `<4>`, with a caller id `[T123]`/`[    C0]` where
CONFIG_PRINTK_CALLER is set), `dmesg -T`, syslog and journal (`Nov 23 02:50:21 host kernel: [...]`), a run folder's
(`2026-11-23T02:50:21.123456Z [...]`), extended netconsole
(`6,416,1758426,-,caller=T123;text`), and pstore, whose lines are a console's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from statistics import median_low

from msgspec import Struct

LAST_STAMPS = 9
_NETCONSOLE = re.compile(r"^\d{1,3},\d{1,18},(?P<us>\d{1,18}),[^;,]*(?:,[^;]*?caller=(?P<caller>[TC]\d+))?[^;]*;")
_SYSLOG = re.compile(r"^\w{3} [ \d]\d [\d:]{8} \S+ kernel: |^\d{4}-\d\d-\d\dT\S+ \S+ kernel: ")
_RUN_FOLDER = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ")
_LEVEL = re.compile(r"^<\d+>")
_STAMP = re.compile(r"^\[+ *(?P<s>\d{1,9})\.(?P<us>\d{6})\d*\](?: ?\[ *(?P<caller>[TC]\d+)\])? ?")
_DATE = re.compile(r"^\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\](?: ?\[ *(?P<caller>[TC]\d+)\])? ?")
_CONTROL = re.compile(r"^[\x00-\x08\x0e-\x1f]+")


class Message(Struct, frozen=True):
    """One line of the kernel's log."""

    text: str
    at_us: int | None = None
    """Since boot, where the line tells."""
    caller: str = ""
    """`T` and a thread or `C` and a CPU; empty where the log does not tell."""


def newest_us(log: Sequence[Message]) -> int | None:
    """When the log ends: the middle one of its last stamps, as a serial line may spoil a digit of any."""
    stamps = [message.at_us for message in log if message.at_us is not None]
    return median_low(stamps[-LAST_STAMPS:]) if stamps else None


def messages(lines: Iterable[str]) -> Iterator[Message]:
    """The lines without what stands before their text; a line in no known form is all text."""
    for line in lines:
        text, at_us, caller = _CONTROL.sub("", line.rstrip("\r\n")), None, ""
        if found := _NETCONSOLE.match(text):
            yield Message(text[found.end() :], int(found["us"]), found["caller"] or "")
            continue
        for prefix in (_RUN_FOLDER, _SYSLOG, _LEVEL, _DATE, _STAMP):
            if found := prefix.match(text):
                text = text[found.end() :]
                values = found.groupdict()
                caller = values.get("caller") or caller
                if "s" in values:
                    at_us = int(values["s"]) * 1_000_000 + int(values["us"])
        yield Message(text, at_us, caller)
