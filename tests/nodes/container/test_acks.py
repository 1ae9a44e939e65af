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
        counter.sent(step, step)
    total = 0
    for step in steps:
        total += step
        assert counter.note((first + handshake + total) % WRAP) == total


def test_an_old_number_takes_nothing_back() -> None:
    counter = AckCounter()
    counter.note(WRAP - 10)
    counter.start()
    counter.sent(100, 100)
    counter.sent(1, 1)
    assert counter.note(90) == 100
    assert counter.note(WRAP - 5) == 100
    assert counter.note(91) == 101


def test_a_request_of_several_pages_counts_when_it_is_covered_whole() -> None:
    counter = AckCounter()
    counter.note(0)
    counter.start()
    counter.sent(28 + 3 * 4096, 3 * (28 + 4096))
    counter.sent(28, 2 * 28)
    assert counter.note(28 + 4096) == 0, "a third of it is not it"
    assert counter.note(28 + 3 * 4096) == 3 * (28 + 4096)
    assert counter.note(28 + 3 * 4096 + 28) == 3 * (28 + 4096) + 2 * 28
