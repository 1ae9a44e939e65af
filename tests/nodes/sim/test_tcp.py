"""A stream of messages over a way that loses them: all arrive once and in order, repeated when TCP would repeat them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.sim.loop import Loop
from nodes.sim.tcp import SEGMENT_BYTES, Message, Stream
from nodes.units import MS_NS, SECOND_NS

RTT_NS = 2 * MS_NS


class Way:
    """Takes half a round trip, and passes as many segments of each transmission as `passes` says; then all of them."""

    def __init__(self, loop: Loop, passes: Callable[[int, int], int]) -> None:
        self.loop, self.passes = loop, passes
        self.carried: list[tuple[int, object]] = []

    def carry(self, stream: Stream, message: Message) -> None:
        passed = min(self.passes(len(self.carried), message.missing), message.missing)
        self.carried.append((self.loop.now_ns, message.payload))
        if passed:
            self.loop.at(self.loop.now_ns + RTT_NS // 2, stream.arrived, message, passed)
        else:
            self.loop.at(self.loop.now_ns, stream.lost, message)


class World:
    """A stream, its way, and what came out of it when."""

    def __init__(self, passes: Callable[[int, int], int], *, own_timer: bool = True) -> None:
        self.loop = Loop()
        self.way = Way(self.loop, passes)
        self.delivered: list[tuple[int, object]] = []
        self.stream = Stream(self.loop, self.way, self.deliver, owner="a", own_timer=own_timer, rtt_ns=RTT_NS)

    def deliver(self, payload: object) -> None:
        self.delivered.append((self.loop.now_ns, payload))

    def sent_ms(self, payload: object) -> list[float]:
        """When `payload` was sent."""
        return [time_ns / MS_NS for time_ns, what in self.way.carried if what == payload]

    def payloads(self) -> list[object]:
        return [payload for _, payload in self.delivered]


def losing(*numbers: int) -> Callable[[int, int], int]:
    """A way that loses these transmissions, counted from 0, and passes the others."""
    return lambda number, segments: 0 if number in numbers else segments


Sizes = st.lists(st.integers(1, 100_000), min_size=1, max_size=30)
Gaps = st.lists(st.integers(0, 400 * MS_NS), min_size=30, max_size=30)
Passing = st.lists(st.integers(0, 8), max_size=60)


@settings(max_examples=150, deadline=None)
@given(sizes=Sizes, gaps=Gaps, passing=Passing)
def test_everything_arrives_once_and_in_order(sizes: list[int], gaps: list[int], passing: list[int]) -> None:
    world = World(lambda number, segments: passing[number] if number < len(passing) else segments)
    time_ns = 0
    for number, (size_bytes, gap_ns) in enumerate(zip(sizes, gaps, strict=False)):
        time_ns += gap_ns
        world.loop.at(time_ns, world.stream.send, size_bytes, number)
    world.loop.run_until(time_ns + 120_000 * SECOND_NS)
    assert world.payloads() == list(range(len(sizes)))
    assert not world.stream.outstanding
    assert not world.stream.waiting
    assert not world.stream.timed_out
    assert not list(world.loop.pending()), "a timer runs, though everything has arrived"


@settings(max_examples=100, deadline=None)
@given(sizes=Sizes, passing=Passing)
def test_so_it_does_with_a_timer_that_is_elsewhere(sizes: list[int], passing: list[int]) -> None:
    """Requests: the machine's timer repeats the hole as long as something is not acknowledged."""
    world = World(lambda number, segments: passing[number] if number < len(passing) else segments, own_timer=False)
    for number, size_bytes in enumerate(sizes):
        world.loop.at(number * MS_NS, world.stream.send, size_bytes, number)
    for second in range(1, 300):
        world.loop.run_until(second * SECOND_NS)
        if len(world.delivered) < len(sizes):
            world.stream.retransmit()
    world.loop.run_until(301 * SECOND_NS)
    assert world.payloads() == list(range(len(sizes)))


def test_messages_that_are_not_lost_take_one_way_each_and_no_timer() -> None:
    world = World(losing())
    for number in range(5):
        world.stream.send(10_000, number)
    world.loop.run_until(SECOND_NS)
    assert world.delivered == [(RTT_NS // 2, number) for number in range(5)]
    assert world.stream.retransmissions == 0


def test_a_peer_that_never_answers_is_tried_after_200_ms_doubling_to_120_s() -> None:
    world = World(lambda _number, _segments: 0)
    world.stream.send(100, "a")
    world.loop.run_until(1000 * SECOND_NS)
    times = world.sent_ms("a")
    gaps_s = [round((later - before) / 1000, 1) for before, later in pairwise(times)]
    assert gaps_s[:11] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 120.0]
    assert set(gaps_s[11:]) == {120.0}


def test_three_segments_behind_a_hole_repeat_it_at_once() -> None:
    world = World(losing(0))
    for number in range(5):
        world.stream.send(100, number)
    world.loop.run_until(SECOND_NS)
    assert world.sent_ms(0) == [0.0, RTT_NS / 2 / MS_NS]
    assert world.delivered[-1] == (RTT_NS, 4)


def test_two_segments_behind_a_hole_do_not_so_the_timer_must() -> None:
    world = World(losing(0))
    for number in range(3):
        world.stream.send(100, number)
    world.loop.run_until(SECOND_NS)
    assert world.sent_ms(0) == [0.0, 200.0]


def test_one_large_message_behind_a_hole_is_enough() -> None:
    world = World(losing(0))
    world.stream.send(100, "hole")
    world.stream.send(3 * SEGMENT_BYTES, "large")
    world.loop.run_until(SECOND_NS)
    assert world.sent_ms("hole")[1] < 200


def test_a_hole_that_is_lost_again_waits_for_the_timer() -> None:
    """Its fast repetition is lost too: no duplicate acknowledgement can tell of that one."""
    world = World(losing(0, 5))
    for number in range(5):
        world.stream.send(100, number)
    world.loop.run_until(SECOND_NS)
    first, fast, later = world.sent_ms(0)
    assert (first, fast) == (0.0, 1.0)
    assert later >= 200


def test_after_a_timeout_the_lost_follow_two_four_eight_at_a_time() -> None:
    world = World(losing(*range(20)))
    for number in range(20):
        world.stream.send(100, number)
    world.loop.run_until(SECOND_NS)
    times = [time_ns // MS_NS for time_ns, _ in world.way.carried[20:]]
    assert [times.count(time) for time in sorted(set(times))] == [1, 2, 4, 8, 5]
    assert world.payloads() == list(range(20))


def test_new_messages_wait_while_a_hole_is_open_after_a_timeout() -> None:
    world = World(losing(0, 1))
    world.stream.send(100, "a")
    world.loop.run_until(300 * MS_NS)
    world.stream.send(100, "b")
    world.loop.run_until(400 * MS_NS)
    assert world.sent_ms("b") == []
    world.loop.run_until(SECOND_NS)
    assert world.payloads() == ["a", "b"]


def test_what_arrives_makes_the_timer_short_again() -> None:
    world = World(losing(0, 1, 2, 4))
    world.stream.send(100, "a")
    world.loop.run_until(10 * SECOND_NS)
    world.stream.send(100, "b")
    world.loop.run_until(20 * SECOND_NS)
    assert world.sent_ms("b") == [10_000.0, 10_200.0]


def test_a_connection_that_is_over_delivers_nothing_more() -> None:
    world = World(losing())
    world.stream.send(100, "a")
    world.stream.reset()
    world.loop.run_until(SECOND_NS)
    assert world.delivered == []
    assert not list(world.loop.pending())


def test_the_state_tells_worlds_apart_that_will_go_on_differently() -> None:
    waiting, done = World(losing(0)), World(losing())
    for world in (waiting, done):
        world.stream.send(100, "a")
        world.loop.run_until(100 * MS_NS)
    assert waiting.stream.signature(100 * MS_NS) != done.stream.signature(100 * MS_NS)


@pytest.mark.parametrize(("at_ms", "same"), [(100, True), (101, False)])
def test_the_state_counts_time_from_now(at_ms: int, same: bool) -> None:
    def signatures(start_ms: int, look_ms: int) -> Sequence[object]:
        world = World(lambda _number, _segments: 0)
        world.loop.run_until(start_ms * MS_NS)
        world.stream.send(100, "a")
        world.loop.run_until((start_ms + look_ms) * MS_NS)
        return world.stream.signature(world.loop.now_ns)

    assert (signatures(0, 100) == signatures(5000, at_ms)) is same
