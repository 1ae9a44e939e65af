"""Stacks in a kernel log: those of tasks (sysrq w and t, the hung-task watchdog) and of allocations that failed.

Lines of other CPUs and drivers may stand between: what is no frame is passed over, and an allocation failure in the middle
of a task's stack has frames of its own. Where the log tells who wrote a line, each writer's lines are put together
separately.
A frame with `?` is what the unwinder found on the stack and is not sure of: it is left out, unless all are such, and so are
kprobes' trampolines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct, structs

from nodes.frozen.frames import Frame, frames, marks
from nodes.frozen.heads import BLOCKED, Head, Kind, head
from nodes.frozen.lines import Message

_SLUB = re.compile(r"\s*cache: (?P<cache>[\w:-]+?)(?:\([^)]*\))?, object size:")
_WORKQUEUE = re.compile(r"Workqueue: (?P<work>.+)")
_BLOCKED, _MEMORY, _END_TRACE = "Show Blocked State", "Mem-", "---[ end trace"
_PROC_FRAME = "[<0>]"
_SLEEPS = ("__schedule", "schedule", "wait_on_page_bit", "__lock_page", "folio_wait_bit_common")
"""The innermost functions of sleepers, in /proc/PID/stack without those of the scheduler; io_schedule calls the first."""
_ASLEEP = ("schedule", "_page", "folio_wait_bit")
_SUFFIX = re.compile(r"\.(?:constprop|isra|part|cold|llvm)\b.*$|_noprof$")
_TRAMPOLINES = frozenset(
    ("trace_clock_x86_tsc", "arch_rethook_trampoline", "kretprobe_trampoline", "__kretprobe_trampoline")
)
"""What a return probe leaves in the place of the caller; the first is how the second is called in some builds."""
_REPEATED = re.compile(r"(.)\1+")
_FROM_USER = ("entry_", "asm_exc_page", "el0_", "do_el0_", "system_call", "sysenter_", "ret_fast_syscall", "do_syscall_",
              "syscall_call", "sys_", "__x64_sys_", "__arm64_sys_", "__se_sys_", "handle_mm_fault", "do_page_fault",
              "tracesys", "ret_from_syscall", "handle_syscall", "exit_to_user_mode", "prepare_exit_to_usermode")  # fmt: skip
"""How functions begin through which a process of user space entered the kernel; kernel threads begin with ret_from_fork."""


class Stack(Struct, frozen=True):
    """Where somebody is, innermost function first."""

    kind: Kind
    name: str
    """Empty where the log does not tell, as in /proc/PID/stack."""
    pid: int = 0
    state: str = ""
    """D: sleeps uninterruptibly, that is, it is blocked; empty where its first line is lost."""
    work: str = ""
    """What a kernel worker works on."""
    order: int = 0
    mode: str = ""
    """Of a failed allocation: 2^order pages, and the GFP flags."""
    at_us: int | None = None
    """When its first line was written."""
    frames: tuple[str, ...] = ()
    """Functions without offsets, with ` [module]` where they are a module's."""
    unsure: bool = False
    """All frames were marked `?`."""
    seconds: int = 0
    """So long it has been blocked, where the hung-task watchdog told."""
    dump: int = 0
    """Which answer to sysrq w it belongs to, from 1; 0: to none."""
    line: int = 0
    """Of the log, from 0."""

    @property
    def of_user(self) -> bool:
        """Whether a process of user space entered the kernel here."""
        return any(name.startswith(_FROM_USER) for name in self.frames)

    @property
    def key(self) -> tuple[str, ...]:
        """The frames as `same` makes them, to be compared."""
        return _keys(self.frames)


class _Open:
    """A stack whose lines still come."""

    def __init__(self, first: Head, message: Message, dump: int) -> None:
        self.first, self.message, self.dump = first, message, dump
        self.frames: list[Frame] = []
        self.work = ""
        self.closed = False

    def add(self, more: Iterable[Frame]) -> None:
        """ARM's lines name the function of the line before again."""
        pair = list(more)
        if len(pair) == 2 and self.frames and self.frames[-1].name == pair[0].name:
            del pair[0]
        self.frames += [frame for frame in pair if frame.name not in _TRAMPOLINES]

    def stack(self) -> Stack:
        first, message = self.first, self.message
        sure = [frame for frame in self.frames if frame.sure]
        return Stack(
            first.kind, first.name, first.pid, first.state, self.work, first.order, first.mode, message.at_us,
            tuple(map(str, sure or self.frames)), not sure and bool(self.frames), first.seconds, self.dump, message.line,
        )  # fmt: skip


@lru_cache(maxsize=8192)
def same(frame: str) -> str:
    """A function's name without what compilers and kernel versions add to it, and without repeated characters: what makes
    two names the same."""
    return _REPEATED.sub(r"\1", _SUFFIX.sub("", frame.partition(" ")[0]))


@lru_cache(maxsize=4096)
def _keys(shown: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(same, shown))


def stacks(log: Iterable[Message]) -> list[Stack]:
    """All stacks in the order of their first lines; of a task's, only the last of each dump."""
    found: list[_Open] = []
    writing: dict[str, list[_Open]] = {}
    dump = 0
    for message in log:
        nested = writing.setdefault(message.caller, [])
        dump += _BLOCKED in message.text
        if first := head(message.text):
            _begin(_Open(first, message, dump), nested, found)
        elif (not nested or _ends_nobody(nested[-1], message)) and _of_nobody(message.text):
            nested.clear()
            state = BLOCKED if message.text.startswith(_PROC_FRAME) else ""
            nested.append(_Open(Head("task", state=state), message, dump))
            found.append(nested[-1])
            _take(message.text, nested)
        elif nested:
            _take(message.text, nested)
    return _newest(one.stack() for one in found)


def _of_nobody(text: str) -> bool:
    """Whether a stack begins here whose first line is not in the log: /proc/PID/stack, or a sleeper's that lost it."""
    if text.startswith(_PROC_FRAME):
        return True
    shown = frames(text) if any(word in text for word in _ASLEEP) else []
    return bool(shown) and shown[0].sure and shown[0].name in _SLEEPS


def _ends_nobody(one: _Open, message: Message) -> bool:
    """Whether a stack without a first line is over: another sleeper's begins, as none stands within a stack."""
    return not one.first.name and one.first.kind == "task" and bool(one.frames) and one.first.state != BLOCKED


def dumps(log: Iterable[Message]) -> int:
    """How many answers to sysrq w there are, empty ones too."""
    return sum(_BLOCKED in message.text for message in log)


def lacking_caches(log: Iterable[Message]) -> dict[str, int | None]:
    """Slab caches that could not grow (`SLUB: Unable to allocate memory`), and when they last could not."""
    return {found["cache"]: message.at_us for message in log if (found := _SLUB.match(message.text))}


def cache_lines(log: Iterable[Message]) -> tuple[int, ...]:
    """Which lines tell of such caches."""
    return tuple(message.line for message in log if _SLUB.match(message.text))


def _begin(one: _Open, nested: list[_Open], found: list[_Open]) -> None:
    """A task's first line ends whatever was before; another report stands within it, except that a failure is told of
    in a few lines, of which the CPU's is one."""
    kind = one.first.kind
    if kind == "other":
        if nested and not (nested[-1].first.kind in ("failure", "running", "other") and not nested[-1].frames):
            nested.append(one)
        return
    if kind == "task":
        last = nested[-1] if nested else None
        if last and not last.frames and last.first.seconds and _same_task(last.first, one.first):
            last.first = structs.replace(one.first, state=BLOCKED, seconds=last.first.seconds)
            return
        nested.clear()
    nested.append(one)
    found.append(one)


def _same_task(hung: Head, other: Head) -> bool:
    return other.kind == "task" and (hung.pid == other.pid or hung.name == other.name)


def _take(text: str, nested: list[_Open]) -> None:
    one = nested[-1]
    mark = marks(text)
    if one.first.kind == "failure" and mark in ("</IRQ>", "<EOI>") and one.frames:
        one.closed = True  # what follows is the task that was interrupted
    if more := frames(text):
        if not one.closed:
            one.add(more)
    elif work := _WORKQUEUE.match(text):
        one.work = work["work"].strip()
    elif mark == "</TASK>" or _END_TRACE in text or (one.first.kind == "failure" and text.startswith(_MEMORY)):
        nested.pop()


def _newest(all_stacks: Iterable[Stack]) -> list[Stack]:
    """Of each task the last in its dump."""
    tasks: dict[tuple[int, str, int], Stack] = {}
    others = []
    for stack in all_stacks:
        if stack.kind == "task":
            tasks[stack.dump, stack.name, stack.pid if stack.name else -stack.line] = (
                stack  # each nameless one is another
            )
        else:
            others.append(stack)
    return [*tasks.values(), *others]
