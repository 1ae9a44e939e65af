"""kmalloc of 2.6.17: arrays first, batches to and from slabs, real pages behind."""

from __future__ import annotations

from itertools import pairwise

from controller.studies.epoll2006.caches import Caches
from controller.studies.epoll2006.kmalloc import Kmalloc, array_limit
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks
from nodes.units import PAGE_BYTES


def kmalloc(cpus: int = 2) -> Kmalloc:
    return Kmalloc(cpus, Caches(cpus, 1 << 20), PagePool(4096, Watermarks.of(64, 4096)))


def test_sizes_go_up_to_their_class_and_objects_do_not_overlap() -> None:
    memory = kmalloc()
    areas = [memory.take(1920, 0) for _ in range(40)]
    assert {area.size_bytes for area in areas} == {2048}
    starts = sorted(area.at for area in areas)
    assert all(later - earlier >= 2048 for earlier, later in pairwise(starts))
    assert all(start % PAGE_BYTES in (0, 2048) for start in starts)


def test_the_object_freed_last_is_handed_out_first_on_the_cpu_that_freed_it() -> None:
    memory = kmalloc()
    first, second = memory.take(512, 0), memory.take(512, 0)
    memory.give(first, 0)
    memory.give(second, 1)
    assert memory.take(512, 1) is second, "freed on CPU 1, it is CPU 1's"
    assert memory.take(512, 0) is first


def test_arrays_take_and_give_whole_batches_under_the_lock() -> None:
    memory = kmalloc(cpus=1)
    assert [array_limit(size) for size in (256, 512, 1024, 2048)] == [120, 54, 54, 24]
    areas = [memory.take(2048, 0) for _ in range(12)]
    assert (memory.work["lock"], memory.work["move"], memory.work["page"]) == (1, 12, 6), "a batch of 12, 2 a page"
    for area in areas:
        memory.give(area, 0)
    assert memory.work["lock"] == 1, "all twelve fit the array of 24"
    more = [memory.take(2048, 0) for _ in range(36)]
    for area in more:
        memory.give(area, 0)
    assert memory.work["lock"] == 1 + 2 + 1, "two batches more, and one back"
    assert memory.slabs.stats().pages == 12, "the flushed batch emptied its pages"
    assert memory.work["page"] == 18 + 6


def test_with_several_cpus_a_flushed_batch_is_shared_before_it_goes_to_the_slabs() -> None:
    memory = kmalloc(cpus=2)
    areas = [memory.take(2048, 0) for _ in range(36)]
    for area in areas:
        memory.give(area, 1)
    assert (memory.work["page"], memory.slabs.stats().pages) == (18, 18), "no page came back"
    assert memory.take(2048, 0) in areas, "CPU 0 gets one of those that CPU 1 freed"
    assert memory.work["page"] == 18
