"""How much of a log was understood, so that an answer is not taken for more than it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from nodes.frozen.frames import frames
from nodes.frozen.heads import BLOCKED, head
from nodes.frozen.lines import Message

_SPEAKS_OF_BLOCKED = re.compile(
    r"^PID: \d+\s+TASK: |\bstate:\s*D\b|\bblocked (?:in I/O wait )?for more than"
    r"|^\S.{0,24}?\s+D(?:\s+[0-9a-fA-F]{8,16}|\d{3,6})?\s+\d+\s+\d+\s+\d"
)
_SPEAKS_OF_FAILURE = re.compile(
    r"page allocation (?:failure|stalls)|-order allocation failed|: vmalloc(?: error|: allocation failure): "
)
_SURELY = re.compile(
    r"[Ss]ys[Rr]q ?: |nfs: server \S+ not responding|Linux version \d+\.\d+\.\d|(?:block nbd|nvme nvme)\d+: |SL[AU]B: Unable"
    r"|lowmem_reserve\[\]: \d|Mem-[Ii]nfo:|(?:Node \d+ )?\w+ free: ?\d+kB|Kernel panic - not syncing: \S"
)
"""Messages that nobody but the kernel writes at the beginning of a line."""
_SPEAKS_OF_OOM = re.compile(r"[Oo]ut of [Mm]emory[: ]|invoked oom-killer|oom-kill:|VM: killing process")
_FRAME = re.compile(r"\+0x[0-9a-f]+/0x[0-9a-f]+")
_REGISTERS = re.compile(
    r"(?:RIP|EIP|IP|PC|LR|NIP|pc|lr|epc|ra|Code|Comm|WARNING|Workqueue|in-flight|pending|---)\b|BUG: "
)
_KERNEL = re.compile(r"\d\d:\d\d.{1,80}\bkernel(?:\[\d+\])?\s*: |\bkern\s*: ?\w+\s*: ")
_UPTIME = re.compile(r"\[ *\d{1,9}\.\d{6}[\]@ ]")
STAMPED_MIN = 2
"""Lines with the kernel's stamp that make a text a kernel's log (own)."""


class Counts(Struct, frozen=True):
    """Lines of each sort, and how many of them were read."""

    lines: int = 0
    blocked: int = 0
    """Speak of a blocked task ..."""
    blocked_read: int = 0
    """... and were read as one."""
    failures: int = 0
    failures_read: int = 0
    oom: int = 0
    frames: int = 0
    frames_read: int = 0
    tasks: int = 0
    """Blocked tasks with a stack."""


def count(log: Sequence[Message], tasks: int) -> Counts:
    """Of all lines of the log; `tasks` were found blocked."""
    blocked = [message.text for message in log if _SPEAKS_OF_BLOCKED.search(message.text)]
    failures = [message.text for message in log if _SPEAKS_OF_FAILURE.search(message.text)]
    shown = [message.text for message in log if _FRAME.search(message.text) and not _REGISTERS.match(message.text)]
    return Counts(
        lines=len(log),
        blocked=len(blocked), blocked_read=sum(one is not None and one.state == BLOCKED for one in map(head, blocked)),
        failures=len(failures), failures_read=sum(head(text) is not None for text in failures),
        oom=sum(_SPEAKS_OF_OOM.search(message.text) is not None for message in log),
        frames=len(shown), frames_read=sum(bool(frames(text)) for text in shown), tasks=tasks,
    )  # fmt: skip


def words(counts: Counts) -> str:
    """`3 of 3 lines that speak of blocked tasks, ...`."""
    return (
        f"{counts.blocked_read} of {counts.blocked} lines that speak of blocked tasks, {counts.failures_read} of"
        f" {counts.failures} of failed allocations, {counts.oom} of the OOM killer, {counts.frames_read} of {counts.frames}"
        " frames of stacks"
    )


def is_kernel_log(lines: Sequence[str], log: Sequence[Message]) -> bool:
    """Whether anything in it is a kernel's: a stack, a stamp since boot, a syslog line of the kernel."""
    stamped = sum(_UPTIME.search(line) is not None for line in lines)
    if stamped >= STAMPED_MIN or any(_KERNEL.search(line[:120]) for line in lines):
        return True
    return any(_is_kernels(message.text) for message in log)


def _is_kernels(text: str) -> bool:
    one = head(text)
    if one is not None and one.kind != "other":
        return True
    if _FRAME.search(text) and frames(text):
        return True
    return bool(_SURELY.match(text) or _SPEAKS_OF_OOM.match(text)) or text.startswith("[<0>] ")
