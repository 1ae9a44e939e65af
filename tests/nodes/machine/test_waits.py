"""The wait-for graph: edges while something is lacking, a cycle only when it is closed."""

from __future__ import annotations

import pytest

from nodes.config import MachineConfig, PolicySpec
from nodes.eventkinds import Wait
from nodes.machine.block import Request
from nodes.machine.events import WriteOut
from nodes.machine.machine import Machine
from nodes.machine.policies import spec_of
from nodes.machine.waits import cycle
from nodes.machine.workload import TaskState


def edge(waiter: str, who_frees: str) -> Wait:
    return Wait(waiter, "pages", 1, 0, who_frees, "because")


def test_a_closed_path_is_found_whatever_leads_to_it() -> None:
    edges = (edge("app", "a"), edge("a", "b"), edge("b", "x"), edge("b", "c"), edge("c", "a"))
    assert [step.waiter for step in cycle(edges)] == ["a", "b", "c"]


def test_an_open_path_is_no_cycle() -> None:
    assert cycle((edge("app", "a"), edge("a", "b"), edge("b", "disk"))) == ()
    assert cycle(()) == ()


def test_a_machine_at_rest_waits_for_nothing() -> None:
    machine = Machine(MachineConfig(), PolicySpec(name="none"), 0)
    assert machine.waits() == () and machine.cycle() == ()


def starving(free_pages: int) -> Machine:
    """All of memory populated, then the kernel takes what is free until `free_pages` are left."""
    machine = Machine(MachineConfig(memory_pages=2048, working_set_pages=3000), PolicySpec(name="none"), 0)
    machine.workload.tasks = machine.workload.tasks[:1]
    for now_ns in range(100):
        machine.pool.kswapd_wanted = machine.reclaim.awake = False
        machine.workload.run(now_ns, [])
    while machine.pool.free > free_pages:
        machine.pool.take(0)
        machine.block.kernel.pages += 1
    return machine


def test_writes_that_cannot_be_sent_wait_for_pages_that_only_they_can_free() -> None:
    """The receive side may take the last page of the reserve; then the send side has none (seen when memalloc was switched
    on in a hang with a small min: raising min makes no page)."""
    machine = starving(0)
    assert not any(isinstance(decision, WriteOut) for decision in machine.poll(1000))
    assert len(machine.block.unsent) == 2, "both spare bios"
    assert [step.waiter for step in machine.cycle()] == ["kswapd", "block transmit"]
    assert machine.cycle()[1].have == 0


def test_writes_that_were_sent_wait_for_their_replies_and_nothing_is_closed_while_the_ring_has_buffers() -> None:
    machine = starving(200)
    assert any(isinstance(decision, WriteOut) for decision in machine.poll(1000))
    assert [step.who_frees for step in machine.waits() if step.waiter == "kswapd"] == ["storage reply"]
    assert machine.cycle() == ()
    machine.receiver.ring.clear()
    while machine.pool.free > machine.pool.marks.atomic_floor:
        machine.pool.take(0)
    assert [step.waiter for step in machine.cycle()] == ["kswapd", "storage reply", "ring refill"]


def starved_ring(spare_pages: int, nic: str = "e1000e", policy: str = "none", allocator: str = "slab") -> Machine:
    """A ring that has run dry in a machine with so many pages above the floor of its refill, and no slab with room."""
    config = MachineConfig(memory_pages=8192, working_set_pages=9000, nic=nic)
    machine = Machine(config, PolicySpec(name=policy, allocator=allocator), 0)
    machine.receiver.ring.clear()
    while machine.allocator.head_pages(0) == 0:
        machine.allocator.head(0)
    while machine.allocator.data_pages(machine.receiver.nic.data_bytes) == 0:
        machine.allocator.data(machine.receiver.nic.data_bytes, 0)
    machine.pool.free = machine.receiver.floor_pages + spare_pages
    machine.block.requests[0] = Request(0, 0, 0, True, None)
    machine.block.writes = 1
    machine.reclaim.awake = True
    return machine


@pytest.mark.parametrize("nic", ["e1000e", "e1000", "ideal"])
@pytest.mark.parametrize("spare_pages", range(4))
def test_a_refill_waits_for_as_many_pages_as_it_would_take(nic: str, spare_pages: int) -> None:
    """`385 there, 385 needed`: data took the one page above the floor, and its head found none."""
    machine = starved_ring(spare_pages, nic)
    waiting = [edge for edge in machine.waits() if edge.waiter == "ring refill"]
    refilled = machine.receiver.refill(machine.receiver.floor_pages) or bool(machine.receiver.ring)
    assert bool(waiting) != refilled
    assert all(edge.have < edge.need for edge in waiting)


def test_a_task_that_only_has_to_wake_up_waits_for_nothing() -> None:
    machine = starving(200)
    machine.poll(1000)
    task = machine.workload.tasks[0]
    task.state = TaskState.NEEDS_FRAME
    machine.pool.free = machine.pool.marks.kernel_floor
    assert "free pages" in [edge.resource for edge in machine.waits() if edge.waiter == "application"]
    machine.pool.free += 1
    assert "free pages" not in [edge.resource for edge in machine.waits() if edge.waiter == "application"]


def test_a_sender_whose_memory_is_a_pool_waits_for_room_in_it_and_not_for_pages() -> None:
    machine = Machine(
        MachineConfig(memory_pages=16384, working_set_pages=20000, cpus=1),
        PolicySpec(name="nta", allocator="nta-v1"),
        0,
    )
    while machine.allocator.data(4096, 0) is not None:
        pass
    machine.block.start(0, 1, True, 0, [])
    machine.reclaim.awake = True
    waiting = [edge for edge in machine.waits() if edge.waiter == "block transmit"]
    assert [edge.resource for edge in waiting] == ["bytes of the packet pool"]
    assert waiting[0].who_frees == "junk in sockets" and waiting[0].have < waiting[0].need


def test_a_read_that_cannot_be_sent_waits_for_the_sender() -> None:
    machine = Machine(
        MachineConfig(memory_pages=16384, working_set_pages=20000), PolicySpec(name="nta", allocator="nta-v1"), 0
    )
    while machine.allocator.data(512, 0) is not None:
        pass
    machine.block.start(0, 1, False, 0, [])
    machine.workload.tasks[0].state = TaskState.READING
    edges = {edge.waiter: edge.who_frees for edge in machine.waits()}
    assert edges["application"] == "block transmit"


def test_a_reply_that_the_senders_own_copies_keep_out_waits_for_replies_and_not_for_strangers() -> None:
    """No junk at all: what was sent holds the cap, and its acknowledgement is refused for the same reason."""
    machine = Machine(MachineConfig(), spec_of("netmem"), 0)
    machine.block.start(0, 1, True, 0, [])
    machine.network.set_cap(1, 0)
    (edge,) = [edge for edge in machine.waits() if edge.resource == "bytes of network memory"]
    assert (edge.waiter, edge.who_frees) == ("storage reply", "storage reply")
    assert "what was sent and is not acknowledged holds 5 KiB, and 4 KiB is the cap" in edge.why
    assert machine.cycle() == (edge,)
