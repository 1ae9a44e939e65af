"""Virtual time: the order of events, and worlds that are copied in the middle."""

from __future__ import annotations

import pickle

from nodes.sim.loop import CHANGE, MEASURE, Loop


class Diary:
    """Writes down what happens when."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.lines: list[tuple[int, str]] = []

    def note(self, word: str) -> None:
        self.lines.append((self.loop.now_ns, word))

    def tick(self, left: int) -> None:
        self.note(f"tick {left}")
        if left:
            self.loop.at(self.loop.now_ns + 10, self.tick, left - 1)


def test_events_come_by_time_then_rank_then_order_of_asking() -> None:
    loop = Loop()
    diary = Diary(loop)
    loop.at_rank(5, MEASURE, diary.note, "measured")
    loop.at(5, diary.note, "first")
    loop.at(5, diary.note, "second")
    loop.at_rank(5, CHANGE, diary.note, "changed")
    loop.at(3, diary.note, "early")
    loop.run_until(10)
    assert diary.lines == [(3, "early"), (5, "changed"), (5, "first"), (5, "second"), (5, "measured")]
    assert (loop.now_ns, loop.handled) == (10, 5)


def test_what_is_asked_for_the_past_comes_now_and_time_never_goes_back() -> None:
    loop = Loop()
    diary = Diary(loop)
    loop.run_until(100)
    loop.at(50, diary.note, "late")
    loop.run_until(100)
    assert diary.lines == [(100, "late")]


def test_the_end_is_included_and_what_comes_later_waits() -> None:
    loop = Loop()
    diary = Diary(loop)
    for time_ns in (10, 11):
        loop.at(time_ns, diary.note, str(time_ns))
    loop.run_until(10)
    assert diary.lines == [(10, "10")]
    assert [time_ns for time_ns, *_ in loop.pending()] == [11]


def test_a_copy_goes_on_alike() -> None:
    loop = Loop()
    diary = Diary(loop)
    loop.at(1, diary.tick, 9)
    loop.run_until(35)
    copy: Diary = pickle.loads(pickle.dumps(diary))
    for one in (diary, copy):
        one.loop.run_until(200)
    assert len(diary.lines) == 10
    assert copy.lines == diary.lines


def test_only_what_is_wanted_is_kept_in_its_order() -> None:
    loop = Loop()
    mine, other = Diary(loop), Diary(loop)
    for time_ns in (9, 2, 7, 4):
        loop.at(time_ns, mine.note, str(time_ns))
        loop.at(time_ns, other.note, str(time_ns))
    loop.keep(lambda act: getattr(act, "__self__", None) is mine)
    loop.run_until(10)
    assert [time_ns for time_ns, _ in mine.lines] == [2, 4, 7, 9]
    assert other.lines == []
