from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from nodes.config import OPEN_LINK, Shape
from nodes.network.delayline import DelayLine, Passage
from nodes.network.link import merge


def line(seed: int = 1, **values: float) -> DelayLine[int]:
    delay_line: DelayLine[int] = DelayLine(Random(seed))
    delay_line.set(merge(OPEN_LINK, Shape(**values)))  # type: ignore[arg-type]
    return delay_line


def test_an_open_line_passes_all_and_holds_nothing() -> None:
    open_line = line()
    assert open_line.push(1, 0) is Passage.PASS
    assert open_line.idle and not open_line.active and open_line.next_ns() is None


def test_a_packet_comes_back_after_exactly_the_delay() -> None:
    delayed = line(delay_ns=100)
    assert delayed.push(1, 7) is Passage.HELD
    assert delayed.next_ns() == 107
    assert delayed.due(106) == []
    assert delayed.due(107) == [1]
    assert delayed.next_ns() is None


@given(st.lists(st.integers(0, 1000)), st.integers(1, 1000), st.integers(0, 2000), st.randoms())
def test_jitter_stays_in_its_bounds_and_nothing_is_lost(
    gaps: list[int], delay_ns: int, jitter_ns: int, random: Random
) -> None:
    delay_line: DelayLine[tuple[int, int]] = DelayLine(random)
    delay_line.set(merge(OPEN_LINK, Shape(delay_ns=delay_ns, jitter_ns=jitter_ns)))
    now_ns, released = 0, []
    for number, gap in enumerate(gaps):
        now_ns += gap
        if delay_line.push((now_ns, number), now_ns) is Passage.PASS:
            assert jitter_ns >= delay_ns
            released.append(number)
    while (next_ns := delay_line.next_ns()) is not None:
        for entered_ns, number in delay_line.due(next_ns):
            assert max(1, delay_ns - jitter_ns) <= next_ns - entered_ns <= delay_ns + jitter_ns
            released.append(number)
    assert sorted(released) == list(range(len(gaps)))


@given(st.lists(st.integers(0, 1000)), st.integers(1, 1000))
def test_without_jitter_the_order_is_kept(gaps: list[int], delay_ns: int) -> None:
    delayed, now_ns, released = line(delay_ns=delay_ns), 0, []
    for number, gap in enumerate(gaps):
        now_ns += gap
        released += delayed.due(now_ns)
        delayed.push(number, now_ns)
    assert released + delayed.drain() == list(range(len(gaps)))
    assert delayed.held == 0


def test_loss_and_reorder_happen_as_often_as_asked() -> None:
    lossy = line(loss_ratio=0.1, delay_ns=10, reorder_ratio=0.25)
    passages = [lossy.push(number, 0) for number in range(20_000)]
    assert 0.09 < passages.count(Passage.LOST) / 20_000 < 0.11
    assert 0.21 < passages.count(Passage.PASS) / 20_000 < 0.24  # a quarter of those not lost
    assert lossy.held == passages.count(Passage.HELD)


def test_all_or_none_is_lost_at_the_ends_of_the_range() -> None:
    assert {line(loss_ratio=1.0).push(number, 0) for number in range(100)} == {Passage.LOST}
    assert {line(loss_ratio=0.0).push(number, 0) for number in range(100)} == {Passage.PASS}


def test_the_same_seed_repeats_the_same_fate() -> None:
    fates = [[line(seed=5, loss_ratio=0.5).push(n, 0) for n in range(50)] for _ in range(2)]
    assert fates[0] == fates[1]


def test_a_change_leaves_what_is_held_its_time() -> None:
    changed = line(delay_ns=100)
    changed.push(1, 0)
    changed.set(OPEN_LINK)
    assert not changed.active and not changed.idle
    assert changed.push(2, 10) is Passage.PASS
    assert changed.due(99) == [] and changed.due(100) == [1] and changed.idle
