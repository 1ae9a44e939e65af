"""Acknowledgement numbers become bytes of the block stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nodes.container.acks import AckCounter

WRAP = 2**32


@given(
    first=st.integers(0, WRAP - 1),
    handshake=st.integers(0, 1000),
    steps=st.lists(st.integers(0, 2**20), min_size=1, max_size=50),
)
def test_bytes_count_from_the_end_of_the_handshake_across_the_wrap(
    first: int, handshake: int, steps: list[int]
) -> None:
    counter = AckCounter()
    counter.note(first)
    assert counter.note((first + handshake) % WRAP) == 0
    counter.start()
    total = 0
    for step in steps:
        total += step
        assert counter.note((first + handshake + total) % WRAP) == total


def test_an_old_number_takes_nothing_back() -> None:
    counter = AckCounter()
    counter.note(WRAP - 10)
    counter.start()
    assert counter.note(90) == 100
    assert counter.note(WRAP - 5) == 100
    assert counter.note(91) == 101
