"""Who holds the lock that a blocked task waits for, as newer kernels say (kernel/hung_task.c, 6.15 and later)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from nodes.eventkinds import Wait
from nodes.frozen.lines import Message
from nodes.machine.waits import cycle

_BLOCKER = re.compile(
    r"INFO: task (?P<waiter>.{1,40}?):(?P<pid>\d{1,9})(?: <\w+>)? (?:is )?blocked on an? (?P<lock>[\w -]+?)"
    r"(?:,| likely (?:last )?(?:owned|held) by task (?P<owner>.{1,40}?):(?P<owner_pid>\d{1,9})\b)"
)


class Blocker(Struct, frozen=True):
    """`waiter` waits for a lock that `owner` probably holds; pids are 0 and names empty where the owner was not found."""

    waiter: str
    pid: int
    lock: str
    owner: str
    owner_pid: int
    line: int


def blockers(log: Iterable[Message]) -> tuple[Blocker, ...]:
    """Of each waiter the last."""
    found = {}
    for message in log:
        if "blocked on a" in message.text and (one := _BLOCKER.match(message.text)):
            found[one["waiter"], one["pid"]] = Blocker(
                one["waiter"],
                int(one["pid"]),
                one["lock"],
                one["owner"] or "",
                int(one["owner_pid"] or 0),
                message.line,
            )
    return tuple(found.values())


def edges(held: Sequence[Blocker]) -> Iterator[Wait]:
    """An edge for each known owner. Its nodes are single tasks, `name:pid`."""
    for one in held:
        if one.owner:
            why = f"{one.waiter} waits for a {one.lock} that {one.owner} probably holds"
            yield Wait(
                f"{one.waiter}:{one.pid}",
                f"a {one.lock}",
                1,
                0,
                f"{one.owner}:{one.owner_pid}",
                why,
                "kernel/hung_task.c",
            )


def round_trip(held: Sequence[Blocker]) -> tuple[Wait, ...]:
    """A cycle of locks alone; empty when there is none."""
    return cycle(tuple(edges(held)))
