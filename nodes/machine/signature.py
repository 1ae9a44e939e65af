"""A summary of a machine's state, as one value, without counters and clock: how much of everything, and when it is due.

It is quick, and tells when the state *may* have come back. That needs the whole of it (nodes/sim/whole.py), where it also
stands how many objects of each page are used, in which order sockets hold them, and which requests are in flight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodes.machine.receive import Receiver
from nodes.machine.workload import CATCH_UP_NS_MAX

if TYPE_CHECKING:
    from nodes.machine.machine import Machine


def signature_of(machine: Machine, now_ns: int) -> tuple[object, ...]:
    """Hashable. Times stand in it as what is left until they come, or 0 when they have come."""
    pool, reclaim, allocator = machine.pool, machine.reclaim, machine.allocator
    held = allocator.stats()
    return (
        machine.policy_spec,
        machine.app_running(now_ns),
        pool.free,
        pool.marks.min_pages,
        pool.marks.boost_pages,
        pool.kswapd_wanted,
        reclaim.awake,
        allocator.pages,
        allocator.marked_pages,
        held.objects,
        held.pinned_pages,
        machine.network.tx_bytes,
        machine.contest.signature(),
        tuple(_receiver(receiver, now_ns) for receiver in machine.receivers),
        _workload(machine, now_ns),
        _block(machine, now_ns),
    )


def _left(due_ns: int | None, now_ns: int) -> int | None:
    return None if due_ns is None else max(0, due_ns - now_ns)


def _receiver(receiver: Receiver, now_ns: int) -> tuple[object, ...]:
    return (
        len(receiver.ring),
        receiver.marked_slots,
        receiver.debt,
        receiver.napi_off,
        _left(receiver.worker_due_ns, now_ns),
        _left(receiver.watchdog_due_ns, now_ns),
        tuple((number, socket.held_bytes) for number, socket in receiver.sockets.items()),
    )


def _workload(machine: Machine, now_ns: int) -> tuple[object, ...]:
    work = machine.workload
    tasks = tuple((task.state, task.page, _left(task.retry_ns, now_ns), task.rounds) for task in work.tasks)
    return work.dead, work.cursor, work.frames, len(work.resident), max(work.next_ns - now_ns, -CATCH_UP_NS_MAX), tasks


def _block(machine: Machine, now_ns: int) -> tuple[object, ...]:
    block = machine.block
    timer = block.timer
    counts = len(block.requests), len(block.unsent), len(block.unacked), block.writes, block.spare_bios
    relay = block.relay.signature(now_ns) if block.relay is not None else ()
    return counts, relay, timer.rto_ns, _left(timer.deadline_ns, now_ns)
