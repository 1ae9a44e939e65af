"""Stacks in a kernel log: those of tasks (sysrq w and t, the hung-task watchdog) and of allocations that failed.

Lines of other CPUs and drivers may stand between: what is no frame is passed over, and an allocation failure in the middle
of a task's stack has frames of its own. Where the log tells who wrote a line, each writer's lines are put together
separately.
A frame with `?` is what the unwinder found on the stack and is not sure of: it is left out, and so are kprobes' trampolines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from nodes.frozen.printk import Message

Kind = Literal["task", "failure"]

_TASK = re.compile(r"^\s*task:(?P<name>.{1,20}?)\s+state:(?P<state>[A-Z])\b.*?\bpid:(?P<pid>\d{1,9})")
_OLD_TASK = re.compile(r"^(?P<name>\S.{0,15}?)\s+(?P<state>[RSDTtXZPI])\s+\d+\s+(?P<pid>\d{1,9})\s+\d+ 0x[0-9a-f]{8,}")
"""Before Linux 5.11."""
_FAILURE = re.compile(
    r"^(?P<name>.{1,20}?): page allocation failure: order:(?P<order>\d{1,3}), mode:0x[0-9a-f]+\((?P<mode>[\w|]*)"
)
_SLUB = re.compile(r"^\s*cache: (?P<cache>[\w:-]+), object size:")
_FRAME = re.compile(
    r"^\s*(?P<unsure>\?*)\s*(?P<name>[A-Za-z_][\w.]*)\+0+x*[0-9a-f]+/+0*x*[0-9a-f]+(?: \[(?P<module>\w+)\])?"
)
"""A slow serial line may repeat a character: hence the stars."""
_WORKQUEUE = re.compile(r"^Workqueue: (?P<work>.+)")
_BLOCKED, _END, _IRQ_END, _MEMORY = "Show Blocked State", "</TASK>", "</IRQ>", "Mem-Info:"
_SUFFIX = re.compile(r"\.(?:constprop|isra|part|cold|llvm)\b.*$|_noprof$")
_TRAMPOLINES = frozenset(
    ("trace_clock_x86_tsc", "arch_rethook_trampoline", "kretprobe_trampoline", "__kretprobe_trampoline")
)
"""What a return probe leaves in the place of the caller; the first is how the second is called in some builds."""
_REPEATED = re.compile(r"(.)\1+")


class Stack(Struct, frozen=True):
    """Where somebody is, innermost function first."""

    kind: Kind
    name: str
    pid: int = 0
    state: str = ""
    """D: sleeps uninterruptibly, that is, it is blocked."""
    work: str = ""
    """What a kernel worker works on."""
    order: int = 0
    mode: str = ""
    """Of a failed allocation: 2^order pages, and the GFP flags."""
    at_us: int | None = None
    """When its first line was written, since boot."""
    frames: tuple[str, ...] = ()
    """Functions without offsets, with ` [module]` where they are a module's."""

    @property
    def of_user(self) -> bool:
        """Whether a process of user space entered the kernel here; kernel threads begin with ret_from_fork."""
        return any(
            name.startswith(("entry_SYSCALL", "entry_INT80", "asm_exc_page", "el0_", "do_el0_")) for name in self.frames
        )

    @property
    def key(self) -> tuple[str, ...]:
        """The frames as `same` makes them, to be compared."""
        return tuple(same(frame) for frame in self.frames)


class _Open:
    """A stack whose lines still come."""

    def __init__(self, kind: Kind, head: re.Match[str], at_us: int | None) -> None:
        self.kind, self.head, self.at_us = kind, head.groupdict(), at_us
        self.frames: list[str] = []
        self.work = ""
        self.closed = False

    def stack(self) -> Stack:
        head = self.head
        return Stack(
            self.kind, head["name"].strip(), int(head.get("pid") or 0), head.get("state") or "", self.work,
            int(head.get("order") or 0), head.get("mode") or "", self.at_us, tuple(self.frames),
        )  # fmt: skip


def same(frame: str) -> str:
    """A function's name without what compilers and kernel versions add to it, and without repeated characters: what makes
    two names the same."""
    return _REPEATED.sub(r"\1", _SUFFIX.sub("", frame.partition(" ")[0]))


def stacks(log: Iterable[Message]) -> list[Stack]:
    """All stacks in the order of their first lines; of a task's, only the last. Tasks seen before the last dump of blocked
    tasks are left out, since they may have gone on."""
    found: list[_Open] = []
    writing: dict[str, list[_Open]] = {}
    for message in log:
        nested = writing.setdefault(message.caller, [])
        if _BLOCKED in message.text:
            found = [one for one in found if one.kind == "failure"]
        if head := _TASK.match(message.text) or _OLD_TASK.match(message.text):
            nested[:] = [_Open("task", head, message.at_us)]
            found.append(nested[-1])
        elif head := _FAILURE.match(message.text):
            nested.append(_Open("failure", head, message.at_us))
            found.append(nested[-1])
        elif nested:
            _take(message.text, nested)
    return _newest(one.stack() for one in found)


def lacking_caches(log: Iterable[Message]) -> dict[str, int | None]:
    """Slab caches that could not grow (`SLUB: Unable to allocate memory`), and when they last could not (us since boot)."""
    return {found["cache"]: message.at_us for message in log if (found := _SLUB.match(message.text))}


def _take(text: str, nested: list[_Open]) -> None:
    one = nested[-1]
    if frame := _FRAME.match(text):
        if not (frame["unsure"] or one.closed or frame["name"] in _TRAMPOLINES):
            module = frame["module"]
            one.frames.append(f"{frame['name']} [{module}]" if module else frame["name"])
    elif work := _WORKQUEUE.match(text):
        one.work = work["work"].strip()
    elif one.kind == "failure" and _IRQ_END in text:
        one.closed = True  # what follows is the task that was interrupted
    elif _END in text or (one.kind == "failure" and text.startswith(_MEMORY)):
        nested.pop()


def _newest(all_stacks: Iterable[Stack]) -> list[Stack]:
    tasks: dict[tuple[str, int], Stack] = {}
    failures = []
    for stack in all_stacks:
        if stack.kind == "task":
            tasks[stack.name, stack.pid] = stack
        else:
            failures.append(stack)
    return [*tasks.values(), *failures]
