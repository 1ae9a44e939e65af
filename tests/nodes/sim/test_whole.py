"""The whole state forgets the clock and the counters, and nothing else."""

from __future__ import annotations

import pickle
from collections import deque
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.config import MachineConfig
from nodes.machine.allocators.base import Block
from nodes.machine.allocators.slab import SlabAllocator
from nodes.machine.machine import Machine
from nodes.machine.pages import PagePool
from nodes.machine.policies import POLICIES, spec_of
from nodes.machine.watermarks import Watermarks
from nodes.sim.whole import COUNTERS, DELAYS, DURATIONS, MOMENTS, attributes_of, whole_state


def machine(policy: str = "none") -> Machine:
    """With a little of everything: packets in a socket, two requests that were sent, a task that works."""
    patient = Machine(MachineConfig(memory_pages=4096, working_set_pages=64, tasks=2), spec_of(policy), 0)
    junk = patient.open_socket(1 << 20)
    for now_ns in range(40):
        patient.receive(junk, 1428, 1, now_ns)
    patient.block.start(0, 0, False, 40, [])
    patient.block.start(1, 0, True, 40, [])
    patient.poll(45)
    return patient


def whole(patient: object, now_ns: int = 50) -> tuple[object, ...]:
    return whole_state((patient,), now_ns)


def test_a_copy_has_the_same_state() -> None:
    patient = machine()
    assert whole(patient) == whole(pickle.loads(pickle.dumps(patient)))


def numbers(root: object) -> list[tuple[Any, str]]:
    """Every attribute of every object below `root` that is a number."""
    found, seen, left = [], set(), [root]
    while left:
        value = left.pop()
        if id(value) in seen or isinstance(value, (int, str, float, bytes, type(None))):
            continue
        seen.add(id(value))
        if isinstance(value, (list, tuple, deque, set)):
            left.extend(value)
        elif isinstance(value, dict):
            left.extend([*value, *value.values()])
        elif type(value).__module__.startswith("nodes.machine"):
            for name in attributes_of(value):
                held = getattr(value, name)
                left.append(held)
                if type(held) in (int, bool):
                    found.append((value, name))
    return found


@given(st.data())
def test_whatever_number_is_changed_the_state_differs_unless_it_is_a_counter(data: st.DataObject) -> None:
    patient = machine()
    before = whole(patient)
    owner, name = data.draw(st.sampled_from(numbers(patient)), label="attribute")
    held = getattr(owner, name)
    try:
        setattr(owner, name, not held if type(held) is bool else held + 1_000_000_000)
    except (AttributeError, TypeError):
        return  # a frozen record is compared as a value
    assert (whole(patient) == before) is (name in COUNTERS or name in DELAYS), (type(owner).__name__, name)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_time_is_known_as_a_moment_or_a_duration(policy: str) -> None:
    """A moment that is not known as one would differ at every look, and no hang could be proved."""
    times = {name for _, name in numbers(machine(policy)) if name.endswith("_ns")}
    assert times <= MOMENTS | DURATIONS
    assert times & MOMENTS


def test_moments_count_from_now_and_what_is_long_past_is_past() -> None:
    patient = machine()
    assert whole(patient, 50) != whole(patient, 60), "the retransmission timer is nearer"
    patient.block.timer.deadline_ns = None
    later = 10**12
    assert whole(patient, later) == whole(patient, 2 * later)


def pages_of(free_first: bool) -> tuple[SlabAllocator, list[Block | None]]:
    """Two pages of sixteen heads, one of which has given two back, the other four: which of them is what differs."""
    allocator = SlabAllocator(PagePool(100, Watermarks.of(10, 100)))
    heads = [allocator.head(0) for _ in range(32)]
    first, second = heads[:16], heads[16:]
    many, few = (first, second) if free_first else (second, first)
    for head in (*few[:2], *many[:4]):
        assert head is not None
        allocator.release(head)
    return allocator, heads


def test_objects_used_per_page_decide_which_page_returns_and_are_part_of_the_state() -> None:
    """Totals are equal: objects, pages, and pages with room."""
    one, other = pages_of(True), pages_of(False)
    assert one[0].stats() == other[0].stats()
    assert whole(one) != whole(other)


def test_which_request_is_in_flight_is_part_of_the_state() -> None:
    """As many requests, of the same kind, for other pages."""
    one, other = machine(), machine()
    one.block.start(7, 0, False, 46, [])
    other.block.start(9, 0, False, 46, [])
    assert one.signature(50) == other.signature(50), "the short one counts them"
    assert whole(one) != whole(other)


def test_chance_that_was_drawn_is_part_of_the_state() -> None:
    one, other = Random(1), Random(1)
    assert whole([one]) == whole([other])
    other.random()
    assert whole([one]) != whole([other])


def test_the_order_in_which_a_socket_is_read_is_part_of_the_state() -> None:
    one, other = machine(), machine()
    other.receiver.sockets[1].queue.rotate(1)
    assert one.signature(50) == other.signature(50)
    assert whole(one) != whole(other)
