"""The edges that blocked tasks show: who they are, what their stacks say that they wait for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from nodes.eventkinds import Wait
from nodes.frozen.functions import RECLAIM, SWAP
from nodes.frozen.servers import Server, server, serves
from nodes.frozen.shapes import DAEMON, JOURNAL, LOCAL, RECEIVING, REFILL_WORK, Shape, evidence, has, top, waits_for
from nodes.frozen.stacks import Stack
from nodes.frozen.storage import UNKNOWN, Below, Storage
from nodes.machine.waits import APPLICATION, KSWAPD, REPLY, TRANSMIT, WORKER

RELAY = "relay process"
"""A process of user space that carries the block device's bytes between a socket pair and the network."""
_BLOCKED = "D"
_SOCKET_CALLS = ("tcp_sendmsg", "tcp_recvmsg", "unix_stream_sendmsg", "unix_stream_recvmsg", "unix_stream_read_generic")
_RUNS = "R"
_RECLAIMS_AGAIN = Shape((("do_try_to_free_pages", "try_to_free_pages"), ("__alloc_pages_slowpath",), _SOCKET_CALLS),
                        "free pages", KSWAPD,
                        "it runs through direct reclaim again and again, and frees nothing",
                        "physics.md section 2, slow path", innermost=False)  # fmt: skip
"""Of a task that sends or receives and may not write pages out itself (GFP_NOIO): it sleeps no longer than a moment."""
_SLOW_PATH = ("__alloc_pages_slowpath", "try_to_free_pages")
_STORAGE = (REPLY, LOCAL, JOURNAL, DAEMON)


class Blocked(Struct, frozen=True):
    """A blocked task, its part in the story, and what it waits for (None: its stack has no known shape)."""

    who: str
    stack: Stack
    shape: Shape | None
    below: Storage = UNKNOWN
    """Whose answer it waits for, where it waits for storage."""
    server: Server | None = None
    """What it serves the storage as, while it waits for memory itself."""

    @property
    def provider(self) -> str:
        """Who must provide what it waits for. Storage that is not reached over the network is `LOCAL`."""
        who = self.shape.who_frees if self.shape else ""
        if who == REPLY and self.below.kind in ("local", "layer"):
            return LOCAL
        return REPLY if who == LOCAL and self.below.kind == "network" and self.below.sure else who


def blocked(stacks: Sequence[Stack], below: Below) -> list[Blocked]:
    """The blocked tasks; senders on the block socket, which sleep interruptibly there; and those who send or receive and run
    in direct reclaim. A stack without a first line is a blocked task's where it has a known shape."""
    relayed = bool(_relayed(stacks))
    found = []
    for stack in stacks:
        if stack.kind == "task":
            shape = _RECLAIMS_AGAIN if _reclaims_again(stack) else waits_for(stack)
            asleep = shape is not None and (not stack.state or shape.resource == "acknowledgements")
            if stack.state == _BLOCKED or asleep or shape is _RECLAIMS_AGAIN:
                found.append(_blocked(stack, shape, below, relayed))
    return found


def edges(tasks: Sequence[Blocked]) -> Iterator[Wait]:
    """An edge for each that is known and different. Who is in direct reclaim also waits for the page it reclaims for."""
    told: set[tuple[str, str, str]] = set()
    for task in tasks:
        if task.shape is None or (task.who, task.shape.resource, task.provider) in told:
            continue
        shape, provider = task.shape, task.provider
        alike = [
            one for one in tasks if one.who == task.who and one.shape is task.shape and one.provider == task.provider
        ]
        told.add((task.who, shape.resource, provider))
        shown = evidence(task.stack, shape.frames, innermost=shape.innermost)
        who = named(alike)
        yield Wait(task.who, shape.resource, len(alike), 0, provider, f"{who}: {shape.why}", f"{shown}; {shape.source}")
    for task in tasks:
        slow = has(task.stack, *_SLOW_PATH)
        if task.shape and task.shape.resource != "free pages" and slow and (task.who, "free pages", KSWAPD) not in told:
            told.add((task.who, "free pages", KSWAPD))
            why = f"{named([task])} is in direct reclaim, for a page that it needs itself"
            yield Wait(task.who, "free pages", 1, 0, KSWAPD, why, f"{slow}; physics.md section 1 step 1")


def served(tasks: Sequence[Blocked], below: Below) -> Iterator[Wait]:
    """Edges from those who wait for storage to whoever serves it on this machine and is blocked for want of memory."""
    told: set[tuple[str, str]] = set()
    for one in tasks:
        if one.server is None or (one.server.mends and not below.lost):
            continue
        for task in tasks:
            if task.provider not in _STORAGE or (task.who, one.who) in told:
                continue
            whole = task.below.sure or has(task.stack, *RECLAIM)  # a stack that broke off may hide what it waits for
            if whole and serves(one.server, task.below, below.network):
                told.add((task.who, one.who))
                why = f"what {named([task])} waits for goes through {named([one])}, which is blocked itself"
                yield Wait(
                    task.who, "its storage served", 1, 0, one.who, why, f"{top(one.stack, 3)}; {task.below.name}"
                )


def reclaiming(tasks: Sequence[Blocked]) -> frozenset[str]:
    """Who of them reclaims."""
    return frozenset(task.who for task in tasks if has(task.stack, *RECLAIM))


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
    name = first.name or ("a task whose name the log does not tell" + (f" (pid {first.pid})" if first.pid else ""))
    name = f"{name} ({first.work})" if first.work else name
    return f"{name} and {len(tasks) - 1} more" if len(tasks) > 1 else name


def shown_unknown(tasks: Sequence[Blocked]) -> tuple[str, ...]:
    """Blocked tasks whose stacks have no known shape, with their innermost frames."""
    return tuple(f"{named([one])}: {top(one.stack) or 'no frames'}" for one in tasks if one.shape is None)


def _blocked(stack: Stack, shape: Shape | None, below: Below, relayed: bool) -> Blocked:
    who, storage = _part(stack, shape, relayed), below.of(stack)
    one = server(stack) if shape is not None and who not in (WORKER, KSWAPD, TRANSMIT, RELAY) else None
    swaps = one is not None and one.same_host and has(stack, *SWAP)
    if one is not None and shape is not None and (shape.who_frees == KSWAPD or has(stack, *RECLAIM) or swaps):
        return Blocked(one.name, stack, shape, storage, one)
    return Blocked(who, stack, shape, storage)


def _part(stack: Stack, shape: Shape | None, relayed: bool) -> str:
    if evidence(stack, REFILL_WORK, innermost=False):
        return WORKER
    if stack.name.startswith("kswapd") or (has(stack, "balance_pgdat") and not stack.of_user):
        return KSWAPD
    if shape is not None and shape.resource == "acknowledgements":
        return TRANSMIT
    if relayed and stack.of_user and has(stack, *RECLAIM) and has(stack, *_SOCKET_CALLS):
        return RELAY
    return APPLICATION if stack.of_user or not stack.name else stack.name


def _reclaims_again(stack: Stack) -> bool:
    return stack.state == _RUNS and bool(evidence(stack, _RECLAIMS_AGAIN.frames, innermost=False))


def _relayed(stacks: Sequence[Stack]) -> str:
    """The frames that show the block device to read from a process instead of the network."""
    unix = RECEIVING[1].frames
    return next((shown for stack in stacks if (shown := evidence(stack, unix))), "")
