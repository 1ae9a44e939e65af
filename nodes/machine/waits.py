"""Who waits for whom: the wait-for graph of a machine, and the cycle in it when there is one.

The steps are those of physics.md section 1. An edge is present only while its waiter really cannot go on.
"""

from __future__ import annotations

from collections import deque

from nodes.eventkinds import Wait
from nodes.machine.allocators.base import PacketAllocator, behind
from nodes.machine.allocators.nta import NtaAllocator
from nodes.machine.block import BlockInitiator
from nodes.machine.network_memory import NetworkMemory
from nodes.machine.receive import Receiver
from nodes.machine.reclaim import Reclaim
from nodes.machine.watermarks import Watermarks
from nodes.machine.workload import TaskState, Workload
from nodes.units import PAGE_BYTES

APPLICATION, KSWAPD, REPLY = "application", "kswapd", "storage reply"
REFILL, WORKER, COPY, HEAD = "ring refill", "refill worker", "packet copy", "packet head"
TRANSMIT, JUNK = "block transmit", "junk in sockets"
PROCESS = "storage process"
"""Who sends instead, where requests pass through one of the machine itself."""
_POOL = "bytes of the packet pool"


def waits(
    workload: Workload, reclaim: Reclaim, block: BlockInitiator, storage: Receiver, junk: Receiver
) -> tuple[Wait, ...]:
    """All edges of the moment. `storage` is the card that replies come through, `junk` the one whose sockets strangers
    fill; often they are one."""
    found = [
        *_application(workload, block),
        *_kswapd(workload, reclaim, block),
        *_transmit(workload, block),
        *_reply(block, storage, storage is not junk),
    ]
    edges = [edge for edge in found if edge.have < edge.need]
    return (*edges, *_held_by_junk(edges, junk))


def cycle(edges: tuple[Wait, ...]) -> tuple[Wait, ...]:
    """The shortest closed part of the graph; of several, the one that has the first waiter in the order of `edges`, which
    it starts at. Empty when nothing is closed."""
    by_waiter: dict[str, list[Wait]] = {}
    for edge in edges:
        by_waiter.setdefault(edge.waiter, []).append(edge)
    closed = [path for start in by_waiter if (path := _path_back(start, by_waiter))]
    return min(closed, key=len, default=())


def _path_back(start: str, by_waiter: dict[str, list[Wait]]) -> tuple[Wait, ...]:
    """The shortest way from `start` back to it, or nothing: breadth first."""
    paths: deque[tuple[Wait, ...]] = deque((edge,) for edge in by_waiter[start])
    reached: set[str] = set()
    while paths:
        path = paths.popleft()
        node = path[-1].who_frees
        if node == start:
            return path
        if node not in reached:
            reached.add(node)
            paths.extend((*path, edge) for edge in by_waiter.get(node, ()))
    return ()


def _application(workload: Workload, block: BlockInitiator) -> list[Wait]:
    pool = workload.pool
    edges = []
    if frameless := workload.waiting(TaskState.NEEDS_FRAME):
        need = pool.marks.kernel_floor + 1
        edges.append(
            Wait(
                APPLICATION, "free pages", need, pool.free, KSWAPD,
                f"{frameless} task(s) need a page; a task gets one only when at least {need} are free{_boost(pool.marks)}",
                "physics.md section 1 step 1",
            )
        )  # fmt: skip
    reading = workload.waiting(TaskState.READING) + workload.waiting(TaskState.NEEDS_BIO)
    if reading:
        edges.append(
            Wait(
                APPLICATION, "pages read back", reading, 0, _sender(block) if _none_sent(block) else REPLY,
                f"{reading} task(s) wait for a page that was swapped out",
                "physics.md section 1 step 12",
            )
        )  # fmt: skip
    if writing := workload.waiting(TaskState.WRITEBACK):
        edges.append(
            Wait(
                APPLICATION, "pages written", writing, 0, _sender(block) if _none_sent(block) else REPLY,
                f"{writing} task(s) wait for a page that is being written, before it can be read back",
                "physics.md section 1 steps 2-12",
            )
        )  # fmt: skip
    return edges


def _boost(marks: Watermarks) -> str:
    return f", of which {marks.boost_pages} are a boost of the watermarks" if marks.boost_pages else ""


def _none_sent(block: BlockInitiator) -> bool:
    return bool(block.unsent) and not block.sent


def _sender(block: BlockInitiator) -> str:
    return PROCESS if block.relay is not None else TRANSMIT


def _kswapd(workload: Workload, reclaim: Reclaim, block: BlockInitiator) -> list[Wait]:
    if not reclaim.awake or not block.writes:
        return []
    if _none_sent(block):
        why = f"{len(block.unsent)} request(s) have a bio and cannot be sent"
        return [Wait(KSWAPD, "writes sent", 1, 0, _sender(block), why, "physics.md section 1 step 5")]
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
    if not _none_sent(block):
        return []
    who, network = _sender(block), block.network
    if block.relay is not None and block.relay.stuck:
        why = "it needs a page of its own that was swapped out, and only it could read that back"
        return [Wait(who, "its own pages", 1, 0, who, why, "physics.md section 10 rows 2 and 3")]
    if refused_bytes := block.over_cap_bytes():
        return [_over_cap(who, refused_bytes, network)]
    need = block.tx_pages_needed()
    why = f"sending needs memory for a head and a copy, and gets it only when at least {need} pages are free"
    pages = Wait(who, "free pages", need, workload.pool.free, KSWAPD, why, "physics.md section 1 step 5")
    return [*_pool(who, block.lacks_bytes(), block.allocator), pages]


def _reply(block: BlockInitiator, receiver: Receiver, own_card: bool) -> list[Wait]:
    if not block.sent or block.at_home:
        return []
    missing = receiver.missing()
    if not missing:
        size_bytes = receiver.true_bytes
        return [_over_cap(REPLY, size_bytes, receiver.network)] if receiver.network.refuses(size_bytes, 0) else []
    resource, who, why, source = _MISSING[missing]
    who += " of the storage card" if own_card else ""
    return [Wait(REPLY, resource, 1, 0, who, why, source), *_memory(who, missing, receiver)]


def _memory(who: str, missing: str, receiver: Receiver) -> list[Wait]:
    """What the one who fills the ring, or takes a copy or a head, waits for: pages, or room in a pool of its own."""
    need = receiver.pages_needed(missing)
    pages = Wait(who, "free pages", need, receiver.pool.free, KSWAPD, _NEEDS_PAGE.format(need), "physics.md section 2")
    if missing in ("head", "queue"):
        return [pages]
    return [*_pool(who, receiver.nic.data_bytes, receiver.allocator), pages]


def _pool(who: str, size_bytes: int, allocator: PacketAllocator) -> list[Wait]:
    """That packet data has a pool of its own, and no room in it; empty where it has none."""
    allocator = behind(allocator)
    if not isinstance(allocator, NtaAllocator):
        return []
    why = "packet data comes from the pool of CPU 0 alone, and strangers' packets fill it"
    return [Wait(who, _POOL, size_bytes, allocator.room_bytes(), JUNK, why, "physics.md section 7")]


def _over_cap(who: str, size_bytes: int, network: NetworkMemory) -> Wait:
    room_bytes = max(0, network.cap_bytes - network.rx_bytes - network.tx_bytes)
    if network.rx_bytes:
        who_frees, held, bytes_held = JUNK, "all sockets together hold", network.rx_bytes
    else:
        who_frees, held, bytes_held = REPLY, "what was sent and is not acknowledged holds", network.tx_bytes
    why = f"{held} {bytes_held >> 10} KiB, and {network.cap_bytes >> 10} KiB is the cap"
    return Wait(
        who, "bytes of network memory", size_bytes, room_bytes, who_frees, why, "physics.md section 1 way C, section 8"
    )


def _held_by_junk(edges: list[Wait], junk: Receiver) -> list[Wait]:
    """Pages could also come from strangers' packets, were they read; the application that reads them waits itself."""
    held_pages = junk.held_bytes // PAGE_BYTES
    found = [
        Wait(edge.waiter, edge.resource, edge.need, edge.have, JUNK,
             f"packets in sockets hold about {held_pages} pages", "physics.md section 1 way B")
        for edge in edges
        if edge.resource == "free pages" and edge.waiter != APPLICATION and 0 < edge.need - edge.have <= held_pages
    ]  # fmt: skip
    if found or any(edge.who_frees == JUNK for edge in edges):
        full = sum(bool(socket.queue) for socket in junk.sockets.values())
        why = f"{full} socket(s) keep their packets until they are read, and their readers wait like everybody"
        found.append(Wait(JUNK, "sockets read", full, 0, APPLICATION, why, "physics.md section 1 way B"))
    return found


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
    "mark": (
        "unmarked receive buffers", REFILL,
        "all buffers came from the reserve, and its socket is not flagged: the reply is dropped on arrival",
        "physics.md section 3, Drop",
    ),
    "head": (
        "packet heads", HEAD, "a buffer is there, but no sk_buff head to go with it",
        "physics.md section 3, the hole nobody advertises",
    ),
}  # fmt: skip
