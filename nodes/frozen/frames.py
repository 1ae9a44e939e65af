"""A line of a stack as its functions, in the forms of every era, architecture and tool.

schedule+0x1/0x2 [module]            with `[<address>]`, `[<0>]`, ppc's `[stack] [code]`, s390's parentheses in front
(schedule) from [<...>] (f+0x1/0x2)  ARM; newer `schedule from f+0x1/0x2`, 3.x `(schedule+0x1/0x2) from [<...>] (f+0x1/0x2)`
schedule (kernel/sched/core.c:12)    decode_stacktrace.sh
#0 [ffff...] schedule at ffff...     crash; gdb's `#0 0xffff... in schedule ()`
[<c0113a3f>] schedule [kernel] 0x1   2.4; klogd's `[schedule+1/2]`, ksymoops' `Trace; c0113a3f <schedule+1/2>`
<ffffffff80132e8f>{:nbd:f+12}        early x86-64
"""

from __future__ import annotations

import re

from msgspec import Struct

from nodes.frozen.phrases import FRONT, MARK, NAME, OFFSETS

_MODULE = r"(?:\s*\[(?P<module>\w+)[^\]]*\])?"
_ADDRESS = r"(?:\[<?[^\]>]{1,24}>?\]\s*)?"
_PLAIN = re.compile(
    rf"{FRONT.replace(chr(92) + '?+ *', '(?P<unsure>' + chr(92) + '?+) *')}(?:\.|:(?P<old>\w+):)?(?P<name>{NAME}){OFFSETS}"
    rf"(?:\s*\([A-Z]+\))*{_MODULE}"
)
_FROM = re.compile(
    rf"{_ADDRESS}\(?(?P<callee>{NAME})(?:{OFFSETS})?(?:\s*\[(?P<callee_module>\w+)\])?\)? from {_ADDRESS}"
    rf"\(?(?P<name>{NAME})(?:{OFFSETS})?{_MODULE}"
)
_DECODED = re.compile(rf"{FRONT}(?P<name>{NAME}) \((?:[\w./-]+/)?[\w.-]+\.[chS]:\d+[^)]*\)*{_MODULE}")
_CRASH = re.compile(
    rf"#\d+\s+(?:\[[0-9a-f]{{8,16}}\] (?P<name>{NAME}) at |(?:0x[0-9a-f]+ in )?(?P<gdb>{NAME}) \(){_MODULE}"
)
_SEVERAL = re.compile(
    rf"\[<[0-9a-f]{{8,16}}>\] (?P<v24>{NAME}) \[(?P<module>\w+)\] 0x|\[(?P<klogd>{NAME})\+\d+/\d+\]"
    rf"|<[0-9a-f]{{8,16}}>\{{(?::(?P<old>\w+):)?(?P<early>{NAME})\+\d+\}}|Trace; [0-9a-f]{{8,16}} <(?P<trace>{NAME})\+"
)
_CALL_TRACE = re.compile(r"(?:Call [Tt]race|Backtrace):\s*")
_MARK = re.compile(rf"{MARK}\s*")
_KERNEL = "kernel"


class Frame(Struct, frozen=True):
    """A function on a stack."""

    name: str
    module: str = ""
    sure: bool = True
    """False: the unwinder found it on the stack and does not know whether it is a caller (`?`)."""

    def __str__(self) -> str:
        return f"{self.name} [{self.module}]" if self.module else self.name


def frames(text: str) -> list[Frame]:
    """The functions that `text` names, innermost first; none when it is not a line of a stack. ARM's lines name a function
    and its caller, so that two lines name one of them twice."""
    text = _CALL_TRACE.sub("", text, 1)
    if " from " in text and (found := _FROM.match(text)):
        return [Frame(found["callee"], found["callee_module"] or ""), Frame(found["name"], found["module"] or "")]
    if "+0" in text and (found := _PLAIN.match(text)):
        return [Frame(found["name"], found["module"] or found["old"] or "", not found["unsure"])]
    if "." in text and (found := _DECODED.match(text)):
        return [Frame(found["name"], found["module"] or "", "?" not in text[: found.start("name")])]
    if text.startswith("#") and (found := _CRASH.match(text)):
        return [Frame(found["name"] or found["gdb"], found["module"] or "")]
    if "<" in text or "+" in text:
        return [
            Frame(one["v24"] or one["klogd"] or one["early"] or one["trace"], _module(one))
            for one in _SEVERAL.finditer(text)
        ]
    return []


def marks(text: str) -> str:
    """The mark of another stack (`<IRQ>`, `</TASK>`, `<EOI>` ...) that the line begins with, or nothing."""
    found = _MARK.match(_CALL_TRACE.sub("", text, 1)) if "<" in text else None
    return found[0].strip() if found else ""


def _module(one: re.Match[str]) -> str:
    module = one["module"] or one["old"] or ""
    return "" if module == _KERNEL else module
