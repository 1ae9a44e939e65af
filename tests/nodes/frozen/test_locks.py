"""Who holds a lock is read from what newer kernels say of it."""

from __future__ import annotations

from nodes.frozen.lines import messages
from nodes.frozen.locks import blockers, round_trip
from nodes.frozen.reading import read

MUTEX = "[    1.000000] INFO: task {}:{} is blocked on a mutex likely owned by task {}:{}."


def test_blockers_of_every_kind_are_read() -> None:
    found = blockers(
        messages(
            [
                MUTEX.format("a", 1, "b", 2),
                "[    1.000000] INFO: task c:3 blocked on a semaphore likely last held by task d:4",
                "[    1.000000] INFO: task e:5 <reader> blocked on an rw-semaphore likely owned by task f:6 <writer>",
                "[    1.000000] INFO: task g:7 is blocked on a mutex, but the owner is not found.",
            ]
        )
    )
    assert [(one.waiter, one.lock, one.owner) for one in found] == [
        ("a", "mutex", "b"),
        ("c", "semaphore", "d"),
        ("e", "rw-semaphore", "f"),
        ("g", "mutex", ""),
    ]


def test_a_cycle_of_locks_is_told_as_one_and_is_no_deadlock_over_memory() -> None:
    lines = [MUTEX.format("a", 1, "b", 2), MUTEX.format("b", 2, "a", 1)]
    assert [edge.waiter for edge in round_trip(blockers(messages(lines)))] == ["a:1", "b:2"]
    found = read(lines)
    assert (found.kind, found.cycle) == ("lock-cycle", ())
    assert "not for memory: a:1 -> b:2 -> a:1" in found.headline
    assert round_trip(blockers(messages(lines[:1]))) == ()
