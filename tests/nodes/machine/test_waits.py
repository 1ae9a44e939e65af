"""The wait-for graph: edges while something is lacking, a cycle only when it is closed."""

from __future__ import annotations

from nodes.config import MachineConfig, PolicySpec
from nodes.eventkinds import Wait
from nodes.machine.events import WriteOut
from nodes.machine.machine import Machine
from nodes.machine.waits import cycle


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
