"""Who gets a freed page: nobody is favoured by the order in which he stands in the code."""

from __future__ import annotations

from collections import Counter

import pytest

from nodes.config import ContestRule, MachineConfig, Sender
from nodes.machine.checks import check
from nodes.machine.contest import KSWAPD, SENDER, Even
from nodes.machine.events import Completed, Decision, WriteOut
from nodes.machine.machine import Machine
from nodes.machine.policies import spec_of
from nodes.machine.workload import TaskState
from nodes.units import MS_NS

TASKS = 3


def squeezed(rule: ContestRule = "lottery", sender: Sender = "noio") -> Machine:
    """Down at min: all tasks wait for a page, and so do writes that cannot be sent."""
    config = MachineConfig(
        memory_pages=1024, working_set_pages=2048, touch_pages_per_s=0, tasks=TASKS, contest=rule, sender=sender
    )
    machine = Machine(config, spec_of("none"), 0)
    for _ in range(10):
        machine.poll(0)
    assert machine.workload.waiting(TaskState.NEEDS_FRAME) == TASKS and machine.block.unsent
    assert machine.pool.free == machine.pool.marks.min_pages
    return machine


def test_with_plenty_of_pages_nobody_takes_turns() -> None:
    machine = Machine(MachineConfig(memory_pages=8192, working_set_pages=4096), spec_of("none"), 0)
    for time_ms in range(1000):
        machine.poll(time_ms * MS_NS)
    assert machine.workload.frames == 4096 and machine.contest.turns == 0


@pytest.mark.parametrize(("rule", "winner"), [("tasks", 0), ("sender", SENDER)])
def test_a_rule_that_favours_somebody_does(rule: ContestRule, winner: int) -> None:
    machine = squeezed(rule)
    frames, held_bytes = machine.workload.frames, machine.network.tx_bytes
    machine.pool.free += 1  # whoever freed it: checks are not run here
    machine.poll(0)
    sent = machine.network.tx_bytes > held_bytes
    assert (machine.workload.frames > frames, sent) == ((True, False) if winner == 0 else (False, True))


@pytest.mark.parametrize("rule", ["lottery", "oldest"])
def test_a_fair_rule_gives_everybody_the_same_share(rule: ContestRule) -> None:
    machine = squeezed(rule)
    waiting = [SENDER, KSWAPD, 0, 1, 2]
    won: Counter[int] = Counter()
    for turn in range(1000):
        who = machine.contest._winner(waiting)
        machine.contest._served[who] = machine.contest.turns + turn
        won[who] += 1
    assert set(won) == set(waiting) and max(won.values()) - min(won.values()) <= 2


def test_the_numbers_of_a_machine_without_chance_are_even() -> None:
    luck = Even()
    drawn = Counter(int(luck() * 10) for _ in range(1000))
    assert len(drawn) == 10 and max(drawn.values()) - min(drawn.values()) <= 3


def test_the_luck_decides_a_lottery_and_nothing_else_does() -> None:
    def trace(numbers: list[float]) -> list[Decision]:
        config = MachineConfig(memory_pages=1024, working_set_pages=2048, touch_pages_per_s=0, sender="noio", tasks=2)
        endless = iter(numbers * 100_000)
        machine = Machine(config, spec_of("none"), 0, lambda: next(endless))
        seen: list[Decision] = []
        for time_ms in range(60):
            out = machine.poll(time_ms * MS_NS)
            seen += out
            for decision in out:
                if isinstance(decision, WriteOut):
                    machine.handle(Completed(decision.request), time_ms * MS_NS)
            check(machine)
        return seen

    assert trace([0.1, 0.6, 0.9]) == trace([0.1, 0.6, 0.9]) != trace([0.9, 0.2])


def test_chance_has_no_part_where_the_sender_is_privileged() -> None:
    def refused() -> float:
        raise AssertionError("nothing hangs on it")

    machine = Machine(MachineConfig(memory_pages=1024, touch_pages_per_s=0), spec_of("none"), 0, refused)
    for time_ms in range(60):
        for decision in machine.poll(time_ms * MS_NS):
            if isinstance(decision, WriteOut):
                machine.handle(Completed(decision.request), time_ms * MS_NS)
    assert machine.contest.turns == 0 and machine.workload.swap_out_pages > 100


def test_a_hang_draws_no_more_lots_and_so_comes_back_to_the_same_state() -> None:
    machine = squeezed()
    turns = machine.contest.turns
    machine.block.timer.deadline_ns = None
    machine.poll(200 * MS_NS)
    before = machine.signature(200 * MS_NS)
    machine.poll(400 * MS_NS)
    assert machine.contest.turns == turns and machine.signature(400 * MS_NS) == before


def test_a_sender_keeps_its_head_while_it_waits_for_the_copy() -> None:
    machine = squeezed("sender")
    block = machine.block
    first = block.unsent[0]
    while first.tx_head is None:
        machine.pool.free += 1
        block.send_piece(0, [])
    needed = block.tx_pages_needed()
    assert first.tx_copy is None and needed == machine.pool.marks.min_pages + 1
    machine.pool.free = needed
    out: list[Decision] = []
    block.send_piece(0, out)
    assert [type(decision) for decision in out] == [WriteOut] and first not in block.unsent
