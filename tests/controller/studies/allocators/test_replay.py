"""Replays: the recorded allocator does again what it did, others do what their placement makes of it."""

from __future__ import annotations

import pytest
from alloctraces import JUNK_MIX, packets, simulated
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.store.tracefile import Header, Trace
from controller.studies.allocators.replay import STUDIED, replay
from nodes.errors import UsageError
from nodes.machine.allocators.base import AllocatorStats, Block
from nodes.machine.allocators.recording import DataTaken, HeadTaken, Recorder
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks

MEMORY, FLOOR = 9000, 4
SIZES = st.sampled_from([200, 1000, 2048, 4096])
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["packet", "data", "free", "others"]), SIZES, st.integers(0, 1 << 30)), max_size=120
)
COUNTERS = ("allocations", "releases", "pages_returned", "pages_per_release", "cross_cpu_releases")


class Clock:
    now_ns = 0


def recorded(name: str, operations: list[tuple[str, int, int]]) -> tuple[Trace, AllocatorStats, int]:
    """A trace of `operations` on `name` in a nearly full pool; its figures, and how many requests were refused."""
    pool, clock = PagePool(MEMORY, Watermarks.of(8, MEMORY)), Clock()
    recorder = Recorder(STUDIED[name](pool, 2, 0), pool, clock)
    while pool.free > 20:
        pool.take(0)
    live: list[Block] = []
    for what, size, choice in operations:
        clock.now_ns += choice % 1000
        if what == "free" and live:
            recorder.release(live.pop(choice % len(live)), choice % 2)
        elif what == "others":
            pool.take(FLOOR) if choice % 2 else pool.give()
        elif what in ("packet", "data"):
            data = recorder.data(size, FLOOR, 3 * (choice % 2))
            head = recorder.head(FLOOR, 3 * (choice % 2), beside=data) if data and what == "packet" else None
            live.extend(block for block in (data, head) if block)
    refused = sum(1 for op in recorder.operations if isinstance(op, DataTaken | HeadTaken) and not op.got)
    header = Header(
        memory_pages=MEMORY,
        min_pages=8,
        cpus=2,
        end_ns=clock.now_ns,
        operations=len(recorder.operations),
        allocator=name,
    )
    return Trace(header=header, operations=recorder.operations), recorder.stats(), refused


@pytest.mark.parametrize("name", STUDIED)
@settings(max_examples=25, deadline=None)
@given(operations=OPERATIONS)
def test_the_recorded_allocator_does_the_same_again(name: str, operations: list[tuple[str, int, int]]) -> None:
    trace, stats, refused = recorded(name, operations)
    again = replay(trace, name, points=5)
    assert (again.refused, again.granted_more) == (refused, 0)
    assert (again.pages_end, again.pinned_pages_end) == (stats.pages, stats.pinned_pages)
    assert [getattr(again, name) for name in COUNTERS] == [getattr(stats, name) for name in COUNTERS]
    assert again.points[-1].asked_bytes == stats.asked_bytes and again.points[-1].objects == stats.objects


def test_a_simulated_run_replays_to_its_own_figures() -> None:
    trace, stats = simulated(JUNK_MIX)
    again = replay(trace, "slab", points=10)
    assert len(trace.operations) > 10_000
    assert [getattr(again, name) for name in COUNTERS] == [getattr(stats, name) for name in COUNTERS]
    assert (again.pages_end, again.pinned_pages_end) == (stats.pages, stats.pinned_pages)


def test_the_same_packets_cost_each_allocator_something_else() -> None:
    """33 packets of which one lives on: 17 pages of data and 3 of heads in slab, a page each in SROG."""
    slab, srog = (replay(packets(33), name) for name in ("slab", "srog-all"))
    assert (slab.pages_peak, slab.pages_end, slab.pinned_pages_end) == (20, 2, 2)
    assert (srog.pages_peak, srog.pages_end, srog.pages_returned) == (33, 1, 32)
    assert slab.overhead == pytest.approx(20 / 33 * 4096 / 2304, abs=0.001) and srog.overhead > slab.overhead
    assert slab.requests == srog.requests == 66 and slab.cross_cpu_releases == srog.cross_cpu_releases == 2
    assert slab.objects_peak == 66 and [point.objects for point in slab.points][-1] == 2


def test_pages_of_others_make_a_hungrier_allocator_fail_first() -> None:
    trace = packets(33, others=100)
    slab, srog = (replay(trace, name) for name in ("slab", "srog-all"))
    assert slab.refused == 0 and srog.refused == 33 - (128 - 100 - 4), "24 pages above the floor, a page a packet"
    assert srog.requests == 66 - srog.refused, "no head is asked for when its data was refused"
    roomy = replay(trace, "srog-all", memory_pages=256)
    assert roomy.refused == 0 and roomy.pages_peak == 33


def test_what_the_run_was_refused_is_not_kept() -> None:
    trace = packets(1)
    first = trace.operations[0]
    assert isinstance(first, DataTaken)
    lost = DataTaken(t_ns=0, id=99, others=0, size_bytes=512, floor_pages=4, got=False)
    found = replay(Trace(header=trace.header, operations=[lost, *trace.operations]), "slab")
    assert (found.granted_more, found.requests, found.points[-1].objects, found.releases) == (1, 3, 2, 1)


def test_the_mean_is_over_time() -> None:
    operations = [DataTaken(t_ns=750, id=1, size_bytes=4096, floor_pages=0)]
    header = Header(memory_pages=128, min_pages=8, cpus=1, end_ns=1000, operations=1)
    found = replay(Trace(header=header, operations=operations), "slab", points=4)
    assert found.pages_mean == 0.25 and [point.pages for point in found.points] == [0, 0, 0, 1, 1]


def test_an_empty_trace_is_no_accident() -> None:
    header = Header(memory_pages=128, min_pages=8, cpus=1, end_ns=0, operations=0)
    assert replay(Trace(header=header, operations=[]), "slab").pages_peak == 0


@pytest.mark.parametrize(("memory_pages", "told"), [(9, "does not hold"), (99, "others hold up to 100 pages")])
def test_too_little_memory_is_told(memory_pages: int, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        replay(packets(3, others=100), "slab", memory_pages=memory_pages)
