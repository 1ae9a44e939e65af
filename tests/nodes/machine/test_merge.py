"""Neighbours travel together; order and content stay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nodes.machine.events import Decision, Discard, ReadIn, Touch, WriteOut
from nodes.machine.merge import PAGES_MAX, Transfer, merged

IO = st.tuples(st.sampled_from([WriteOut, ReadIn]), st.integers(0, 6))


@given(st.lists(IO, max_size=80))
def test_merging_keeps_every_request_in_order(chosen: list[tuple[type[WriteOut] | type[ReadIn], int]]) -> None:
    decisions: list[Decision] = [kind(number, page, number % 5) for number, (kind, page) in enumerate(chosen)]
    unmerged = [
        (WriteOut if transfer.is_write else ReadIn)(request, transfer.first + i, transfer.generations[i])
        for transfer in merged(decisions)
        if isinstance(transfer, Transfer)
        for i, request in enumerate(transfer.requests)
    ]
    assert unmerged == decisions


def test_a_run_of_neighbours_is_one_transfer_up_to_the_largest() -> None:
    decisions = [WriteOut(page, page, 1) for page in range(2 * PAGES_MAX + 5)]
    assert [transfer.pages for transfer in merged(decisions) if isinstance(transfer, Transfer)] == [
        PAGES_MAX,
        PAGES_MAX,
        5,
    ]


def test_what_is_no_io_does_not_break_a_run() -> None:
    decisions: list[Decision] = [ReadIn(1, 10, 1), Touch(3, 2), ReadIn(2, 11, 1), Discard(4), WriteOut(3, 12, 1)]
    out = list(merged(decisions))
    assert out == [Touch(3, 2), Discard(4), Transfer(False, 10, [1, 2], [1, 1]), Transfer(True, 12, [3], [1])]
