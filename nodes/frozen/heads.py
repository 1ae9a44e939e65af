"""The line that a stack begins with: a task's, in the forms of every era, a failed allocation's, or another report's.

kswapd0   D F7C1DF80     0     5      1     4     6 (L-TLB)        2.4, 2.6
kswapd0   D ffff888000000000  0  52  2 0x00000000                  up to 4.8; i386 with 8 digits; before 2.6.33 without flags
kswapd0   D26440    52   2 0x80000000                              4.9 to 5.8 with stack debugging
kswapd0   D    0    52   2 0x80000000                              4.14, 5.4
task:kswapd0 state:D stack:    0 pid:   52 ppid: 2 flags:0x...     5.9 and later, EL 8 and 9
INFO: task kswapd0:52 blocked for more than 120 seconds.           kernel/hung_task.c
PID: 52  TASK: ffff888000000000  CPU: 0  COMMAND: "kswapd0"        crash, `bt`
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

Kind = Literal["task", "failure", "running", "other"]
"""`task`: sleeps or is blocked; `failure`: could not allocate; `running`: hogs its CPU; `other`: of no use to us."""
BLOCKED = "D"
_TASK = re.compile(
    r"task:(?P<name>.{1,40}?)\s+(?:state|[state]{0,4}):\s*(?P<state>[A-Z])\b(?:.*?\bp+i+d+:\s*(?P<pid>\d{1,9}))?",
    re.DOTALL,
)
_OLD_TASK = re.compile(
    r"(?P<name>\S.{0,24}?)\s+(?P<state>[RSDTtXZPIW])(?P<address>\s+(?:[0-9a-fA-F]{8,16}|running task|current))?"
    r"\s*(?P<free>\d{1,9})\s+(?P<pid>\d{1,9})\s+\d{1,9}(?:\s+\d{1,9})?"
    r"(?P<end>\s+0x[0-9a-f]{6,16}\b.*|.*\((?:L-TLB|NOTLB)\).*|)\s*$"
)
_HUNG = re.compile(
    r"(?:rcu: )?INFO: task (?P<name>.{1,40}?):(?P<pid>\d{1,9}) blocked (?:in I/O wait )?for more than"
    r" (?P<seconds>\d{1,9}) seconds"
)
_CRASH = re.compile(r'PID: (?P<pid>\d{1,9})\s+TASK: [0-9a-f]{8,16}\s+CPU: \d+\s+COMMAND: "(?P<name>[^"]{1,40})"')
_PROC = re.compile(r"(?:.*[#$] *(?:sudo )?cat |=+> *|.{0,40}?)/proc/(?P<pid>\d{1,9})/(?:task/\d+/)?stack\b")
_FAILURE = re.compile(
    r"(?P<name>.{1,40}?): page allocation (?:failure[.:]|stalls for \d+ms,)\s*order:(?P<order>\d{1,3}),"
    r" mode:0x(?P<hex>[0-9a-f]{1,16})(?:\((?P<mode>[\w|]*))?"
)
_VMALLOC = re.compile(
    r"(?P<name>.{1,40}?): (?:vmalloc: allocation failure|vmalloc error): .*?(?P<order>)"
    r"mode:0x(?P<hex>[0-9a-f]{1,16})(?:\((?P<mode>[\w|]*))?"
)
_OLD_FAILURE = re.compile(
    r"(?P<name>)__alloc_pages: (?P<order>\d{1,2})-order allocation failed \(gfp=0x(?P<hex>[0-9a-f]{1,16})"
)
_RUNNING = re.compile(
    r"(?:watchdog: )?BUG: soft lockup - CPU#\d+ stuck for (?P<seconds>\d{1,9})s! \[(?P<name>.{1,40}?):(?P<pid>\d{1,9})\]"
)
_OTHER = re.compile(
    r"(?:WARNING: )?CPU: \d+ (?:UID: \d+ )?PID: \d+|(?:watchdog: )?BUG: |Pid: \d+, comm: |NMI backtrace for cpu|"
    r"Internal error: Oops|Unable to handle kernel|(?:rcu: )?INFO: (?:rcu|task \S+ is blocked)|Sending NMI from"
)
_ATOMIC = 0x20
"""__GFP_HIGH in every kernel (include/linux/gfp.h): what GFP_ATOMIC always has and no other common mode does."""


class Head(Struct, frozen=True):
    """What a stack's first line says."""

    kind: Kind
    name: str = ""
    pid: int = 0
    state: str = ""
    order: int = 0
    mode: str = ""
    """GFP flags, in names."""
    seconds: int = 0
    """So long it has been blocked, or running."""


def head(text: str) -> Head | None:
    """What `text` begins; None when it is not a first line."""
    if "task:" in text and (found := _TASK.match(text)):
        return Head("task", found["name"].strip(), int(found["pid"] or 0), found["state"])
    if ("allocation" in text or "vmalloc" in text) and (
        found := _FAILURE.match(text) or _OLD_FAILURE.match(text) or _VMALLOC.match(text)
    ):
        return Head("failure", found["name"].strip(), order=int(found["order"] or 0), mode=_mode(found))
    if "blocked" in text and (found := _HUNG.match(text)):
        return Head("task", found["name"], int(found["pid"]), BLOCKED, seconds=int(found["seconds"]))
    if "soft lockup" in text and (found := _RUNNING.match(text)):
        return Head("running", found["name"], int(found["pid"]), "R", seconds=int(found["seconds"]))
    if "COMMAND:" in text and (found := _CRASH.match(text)):
        return Head("task", found["name"], int(found["pid"]), BLOCKED)
    if "/stack" in text and (found := _PROC.match(text)):
        return Head("task", "", int(found["pid"]), BLOCKED)
    if (found := _OLD_TASK.match(text)) and (found["end"] or found["address"]):
        return Head("task", found["name"].strip(), int(found["pid"]), found["state"])
    return Head("other") if _OTHER.match(text) else None


def _mode(found: re.Match[str]) -> str:
    """The flags' names; before Linux 4.6 they were not printed."""
    if mode := found.groupdict().get("mode"):
        return mode
    return "GFP_ATOMIC" if int(found["hex"], 16) & _ATOMIC else f"mode 0x{found['hex']}"
