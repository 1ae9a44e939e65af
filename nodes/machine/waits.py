"""Who waits for whom: the wait-for graph of a machine, and the cycle in it when there is one.

The steps are those of physics.md section 1. An edge is present only while its waiter really cannot go on.
"""

from __future__ import annotations

from nodes.machine.block import BlockInitiator
from nodes.machine.events import Wait
from nodes.machine.receive import Receiver
from nodes.machine.reclaim import Reclaim
from nodes.machine.workload import TaskState, Workload

APPLICATION, KSWAPD, REPLY = "application", "kswapd", "storage reply"
REFILL, WORKER, COPY, HEAD = "ring refill", "refill worker", "packet copy", "packet head"
TRANSMIT = "block transmit"
TX_PAGES = 2
"""What a write may need to be sent: a page for the copy of its data and one for its head."""


def waits(workload: Workload, reclaim: Reclaim, block: BlockInitiator, receiver: Receiver) -> tuple[Wait, ...]:
    """All edges of the moment."""
    edges = [*_application(workload), *_kswapd(workload, reclaim, block), *_reply(block, receiver)]
    return tuple(edges)


def cycle(edges: tuple[Wait, ...]) -> tuple[Wait, ...]:
    """The closed part of the graph, starting at its first waiter in the order of `edges`; empty when nothing is closed."""
    by_waiter: dict[str, list[Wait]] = {}
    for edge in edges:
        by_waiter.setdefault(edge.waiter, []).append(edge)
    for start in by_waiter:
        path = _path_back(start, start, by_waiter, ())
        if path:
            return path
    return ()


def _path_back(node: str, start: str, by_waiter: dict[str, list[Wait]], path: tuple[Wait, ...]) -> tuple[Wait, ...]:
    for edge in by_waiter.get(node, ()):
        if edge.who_frees == start:
            return (*path, edge)
        if all(edge.who_frees != seen.waiter for seen in (*path, edge)):
            found = _path_back(edge.who_frees, start, by_waiter, (*path, edge))
            if found:
                return found
    return ()


def _application(workload: Workload) -> list[Wait]:
    pool = workload.pool
    edges = []
    if frameless := workload.waiting(TaskState.NEEDS_FRAME):
        need = pool.marks.kernel_floor + 1
        edges.append(
            Wait(
                APPLICATION, "free pages", need, pool.free, KSWAPD,
                f"{frameless} task(s) need a page; a task gets one only when at least {need} are free",
                "physics.md section 1 step 1",
            )
        )  # fmt: skip
    reading = workload.waiting(TaskState.READING) + workload.waiting(TaskState.NEEDS_BIO)
    if reading:
        edges.append(
            Wait(
                APPLICATION, "pages read back", reading, 0, REPLY,
                f"{reading} task(s) wait for a page that was swapped out",
                "physics.md section 1 step 12",
            )
        )  # fmt: skip
    return edges


def _kswapd(workload: Workload, reclaim: Reclaim, block: BlockInitiator) -> list[Wait]:
    if not reclaim.awake or not block.writes:
        return []
    if block.unsent and not block.sent:
        return _transmit(workload, block)
    why = f"kswapd frees a page only when one of {block.writes} writes under way is answered"
    if block.blocked_on == "bio":
        why += "; no further write can start, both spare bios are in use"
    elif block.blocked_on == "tag":
        why += f"; no further write can start, all {block.queue_depth} tags are in use"
    elif not workload.resident:
        why += "; nothing else is left to write"
    if block.unsent:
        why += f"; {len(block.unsent)} cannot even be sent for want of memory"
    return [Wait(KSWAPD, "writes answered", 1, 0, REPLY, why, "physics.md section 1 steps 2-7, 12")]


def _transmit(workload: Workload, block: BlockInitiator) -> list[Wait]:
    """Requests are there and none could be sent: the receive side has taken what the send side needed."""
    pool, waiting = workload.pool, len(block.unsent)
    return [
        Wait(KSWAPD, "writes sent", 1, 0, TRANSMIT, f"{waiting} request(s) have a bio and cannot be sent",
             "physics.md section 1 step 5"),
        Wait(TRANSMIT, "free pages", TX_PAGES, pool.free, KSWAPD, f"a write takes up to {TX_PAGES} pages: copy and head",
             "physics.md section 1 step 5"),
    ]  # fmt: skip


def _reply(block: BlockInitiator, receiver: Receiver) -> list[Wait]:
    missing = receiver.missing() if block.sent else ""
    if not missing:
        return []
    marks, free = receiver.pool.marks, receiver.pool.free
    resource, who, why, source = _MISSING[missing]
    floor = marks.kernel_floor if missing == "queue" else marks.atomic_floor
    if receiver.nic.reserve_always:
        floor = 0
    if missing == "head" and (receiver.fixed_slots or receiver.nic.refill == "swap"):
        floor += 1  # the copy's data comes first and takes a page
    return [
        Wait(REPLY, resource, 1, 0, who, why, source),
        Wait(who, "free pages", floor + 1, free, KSWAPD, _NEEDS_PAGE.format(floor + 1), "physics.md section 2"),
    ]


_NEEDS_PAGE = "it needs a page, and gets one only when at least {} are free"
_MISSING = {
    "queue": (
        "rx queue enabled", WORKER, "the refill worker has switched reception off and sits in direct reclaim",
        "physics.md section 4, refill_work",
    ),
    "buffer": (
        "receive buffers", REFILL, "no slot of the receive ring has a buffer, so the reply cannot land",
        "physics.md section 1 step 8",
    ),
    "copy": (
        "packet copies", COPY, "the card's driver needs fresh memory before it can pass the reply up",
        "physics.md section 4, drivers that copy or swap",
    ),
    "head": (
        "packet heads", HEAD, "a buffer is there, but no sk_buff head to go with it",
        "physics.md section 3, the hole nobody advertises",
    ),
}  # fmt: skip
