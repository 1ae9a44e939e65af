"""Invariants of a machine, as named functions. Tests run `check` after every step (physics.md section 12, last rows)."""

from __future__ import annotations

from nodes.machine.machine import Machine
from nodes.machine.senders import TxFloors
from nodes.machine.sockets import is_marked
from nodes.machine.workload import PageState, TaskState


def check(machine: Machine, *, switched: bool = False) -> None:
    """All invariants; an AssertionError names the one that broke. `switched`: of a machine that had another policy before,
    which may have let packets in that the one of now would have dropped: those of one policy alone are not asked for."""
    for invariant in INVARIANTS:
        if not (switched and invariant in OF_ONE_POLICY):
            invariant(machine)


def pages_conserved(machine: Machine) -> None:
    """Every page is free, a frame of the application, or held by an allocator."""
    held = machine.workload.frames + machine.allocator.pages + machine.block.kernel.pages
    assert machine.pool.free + held == machine.pool.total, (machine.pool.free, held, machine.pool.total)


def frames_counted(machine: Machine) -> None:
    """The application's frames are its resident pages, those under writeback, and those being read: one a page."""
    states = machine.workload.states
    held = [states.count(state) for state in (PageState.RESIDENT, PageState.WRITEBACK, PageState.READING)]
    assert machine.workload.frames == sum(held), (machine.workload.frames, held)


def states_agree(machine: Machine) -> None:
    """A page is in the resident list exactly when its state says so."""
    states = machine.workload.states
    assert states.count(PageState.RESIDENT) == len(machine.workload.resident)
    assert states.count(PageState.WRITEBACK) == machine.block.writes


def one_request_a_page(machine: Machine) -> None:
    """No page is asked for twice, or read while it is written; who is asked for is in the state that says so, and holds the
    generation that the request does."""
    work, requests = machine.workload, machine.block.requests.values()
    assert len({request.page for request in requests}) == len(requests), sorted(request.page for request in requests)
    for request in requests:
        state = work.states[request.page]
        assert state == (PageState.WRITEBACK if request.is_write else PageState.READING), (request.page, state)
        assert request.generation == work.generations[request.page], (request.page, request.generation)


def tasks_agree(machine: Machine) -> None:
    """Of a living application, every task that waits for a page waits for one that is under way: read by a request, or by
    the one task that has a frame for it and still needs a bio."""
    work = machine.workload
    if work.dead:
        return
    asked = {request.page for request in machine.block.requests.values()}
    preparing = [task.page for task in work.tasks if task.state is TaskState.NEEDS_BIO]
    assert len(set(preparing)) == len(preparing), preparing
    under_way = asked.union(preparing)
    for task in work.tasks:
        if task.state in (TaskState.READING, TaskState.WRITEBACK):
            assert task.page in under_way, (task.page, task.state)


def ring_bounded(machine: Machine) -> None:
    """Never more buffers than descriptors, and the count of marked ones is right."""
    for card in machine.receivers:
        assert 0 <= card.free_slots() <= card.nic.ring_slots
        marked = sum(map(is_marked, card.ring))
        assert card.marked_slots == marked, (card.marked_slots, marked)


def debt_bounded(machine: Machine) -> None:
    """No card owes more packets than the policy lets it. (It may owe fewer than are out: any packet pays.)"""
    for card in machine.receivers:
        assert 0 <= card.debt <= card.debt_max


def network_memory_adds_up(machine: Machine) -> None:
    """What counts under the network's cap is what sockets and requests hold."""
    network, block = machine.network, machine.block
    sockets = machine.receiver.sockets.values()
    assert network.rx_bytes == sum(socket.held_bytes for socket in sockets)
    assert network.tx_bytes == sum(request.tx_bytes for request in block.requests.values())


def bios_bounded(machine: Machine) -> None:
    """Spare bios are returned: in use + spare is the pool, and no more requests than tags."""
    block = machine.block
    in_use = sum(request.bio is None for request in block.requests.values())
    assert in_use + block.spare_bios == 2
    assert len(block.requests) <= block.queue_depth
    assert block.writes == sum(request.is_write for request in block.requests.values())


def strangers_hold_nothing_marked(machine: Machine) -> None:
    """Under a policy that drops them, no marked packet waits in a stranger's socket."""
    if machine.policy.on_demux(memalloc_socket=False):
        return
    for socket in machine.receiver.sockets.values():
        assert not any(is_marked(slot, machine.policy.heads_mark) for slot in socket.queue)


def guard_floors(machine: Machine) -> None:
    """From now on every page that an actor of `machine` takes is checked against the floor of its class, whatever floor the
    actor itself claims: the application and bios stop at min, reception at the policy's floor unless the policy opens the
    reserve to it, transmission where the policy says (physics.md sections 2 and 12)."""
    pool, cards, block, workload = machine.pool, machine.receivers, machine.block, machine.workload
    take, actors = pool.take, ["nobody"]

    def floor_of(actor: str) -> int:
        if actor == "reception":
            return 0 if any(card.may_use_reserve() for card in cards) else machine.policy.rx_floor(pool.marks)
        return min(TxFloors.of(machine.sender, pool.marks)) if actor == "transmission" else pool.marks.kernel_floor

    def guarded(floor_pages: int) -> bool:
        free, taken = pool.free, take(floor_pages)
        assert not taken or free > floor_of(actors[-1]), f"{actors[-1]} took a page at {free} free"
        return taken

    def acting(owner: object, method: str, actor: str) -> None:
        inner = getattr(owner, method)

        def outer(*args: object, **kwargs: object) -> object:
            actors.append(actor)
            try:
                return inner(*args, **kwargs)
            finally:
                actors.pop()

        setattr(owner, method, outer)

    pool.take = guarded  # type: ignore[method-assign]
    for card in cards:
        for method in ("packet", "refill", "run_timers", "missing"):
            acting(card, method, "reception")
    acting(block, "start", "a bio")
    for method in ("send", "send_piece"):
        acting(block, method, "transmission")
    for method in ("run", "turn"):
        acting(workload, method, "the application")


INVARIANTS = (
    pages_conserved,
    frames_counted,
    states_agree,
    one_request_a_page,
    tasks_agree,
    ring_bounded,
    bios_bounded,
    strangers_hold_nothing_marked,
    debt_bounded,
    network_memory_adds_up,
)
OF_ONE_POLICY = (strangers_hold_nothing_marked,)
"""Of INVARIANTS those that hold only where the policy was the same from the beginning."""
