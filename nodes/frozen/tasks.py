"""The edges that blocked tasks show: who they are, what their stacks say that they wait for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from nodes.frozen.shapes import RECEIVING, RECLAIM, REFILL_WORK, Shape, evidence, has, top, waits_for
from nodes.frozen.stacks import Stack
from nodes.machine.events import Wait
from nodes.machine.waits import APPLICATION, KSWAPD, REPLY, TRANSMIT, WORKER

RELAY = "relay process"
"""A process of user space that carries the block device's bytes between a socket pair and the network."""
_BLOCKED = "D"
_SOCKET_CALLS = ("tcp_sendmsg", "tcp_recvmsg", "unix_stream_sendmsg", "unix_stream_recvmsg", "unix_stream_read_generic")
_SLOW_PATH = ("__alloc_pages_slowpath", "try_to_free_pages")


class Blocked(Struct, frozen=True):
    """A blocked task, its part in the story, and what it waits for (None: its stack has no known shape)."""

    who: str
    stack: Stack
    shape: Shape | None


def blocked(stacks: Sequence[Stack]) -> list[Blocked]:
    """The blocked tasks, and senders on the block socket, which sleep interruptibly there."""
    relayed = bool(_relayed(stacks))
    found = []
    for stack in stacks:
        if stack.kind == "task":
            shape = waits_for(stack)
            if stack.state == _BLOCKED or (shape is not None and shape.resource == "acknowledgements"):
                found.append(Blocked(_part(stack, shape, relayed), stack, shape))
    return found


def edges(tasks: Sequence[Blocked]) -> Iterator[Wait]:
    """An edge for each that is known and different. Who is in direct reclaim also waits for the page it reclaims for."""
    told: set[tuple[str, str]] = set()
    for task in tasks:
        if task.shape is None or (task.who, task.shape.resource) in told:
            continue
        shape, alike = task.shape, [one for one in tasks if one.who == task.who and one.shape is task.shape]
        told.add((task.who, shape.resource))
        shown = evidence(task.stack, shape.frames)
        who = named(alike)
        yield Wait(
            task.who, shape.resource, len(alike), 0, shape.who_frees, f"{who}: {shape.why}", f"{shown}; {shape.source}"
        )
    for task in tasks:
        slow = has(task.stack, *_SLOW_PATH)
        if task.shape and task.shape.resource != "free pages" and slow and (task.who, "free pages") not in told:
            told.add((task.who, "free pages"))
            why = f"{named([task])} is in direct reclaim, for a page that it needs itself"
            yield Wait(task.who, "free pages", 1, 0, KSWAPD, why, f"{slow}; physics.md section 1 step 1")


def receiver(tasks: Sequence[Blocked], stacks: Sequence[Stack]) -> Iterator[Wait]:
    """Edges of the storage reply that stacks show: reception switched off by a worker that is blocked, or a relay."""
    for task in tasks:
        if task.who == WORKER:
            why = f"{named([task])} has switched reception off and is blocked before it switches it on again"
            yield Wait(REPLY, "rx queue enabled", 1, 0, WORKER, why, f"{evidence(task.stack, REFILL_WORK, innermost=False)};"
                       " physics.md section 4, refill_work")  # fmt: skip
            break
    if (shown := _relayed(stacks)) and (relays := [task for task in tasks if task.who == RELAY]):
        call = has(relays[0].stack, *_SOCKET_CALLS)
        why = f"{named(relays)} carries the block device's bytes, and is blocked in {call}"
        yield Wait(REPLY, "the relay's turn", 1, 0, RELAY, why, f"{shown} (the block device reads from a UNIX socket)")


def named(tasks: Sequence[Blocked]) -> str:
    """`kswapd0`, or `init and 3 more`."""
    first = tasks[0].stack
    name = f"{first.name} ({first.work})" if first.work else first.name
    return f"{name} and {len(tasks) - 1} more" if len(tasks) > 1 else name


def shown_unknown(tasks: Sequence[Blocked]) -> tuple[str, ...]:
    """Blocked tasks whose stacks have no known shape, with their innermost frames."""
    return tuple(f"{named([one])}: {top(one.stack) or 'no frames'}" for one in tasks if one.shape is None)


def _part(stack: Stack, shape: Shape | None, relayed: bool) -> str:
    if evidence(stack, REFILL_WORK, innermost=False):
        return WORKER
    if stack.name.startswith("kswapd") or (has(stack, "balance_pgdat") and not stack.of_user):
        return KSWAPD
    if shape is not None and shape.resource == "acknowledgements":
        return TRANSMIT
    if relayed and stack.of_user and has(stack, *RECLAIM) and has(stack, *_SOCKET_CALLS):
        return RELAY
    return APPLICATION if stack.of_user else stack.name


def _relayed(stacks: Sequence[Stack]) -> str:
    """The frames that show the block device to read from a process instead of the network."""
    unix = RECEIVING[1].frames
    return next((shown for stack in stacks if (shown := evidence(stack, unix))), "")
