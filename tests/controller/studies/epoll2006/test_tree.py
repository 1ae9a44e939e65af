"""The network tree allocator under watch: what its own work costs in lines, locks and looks."""

from __future__ import annotations

from controller.studies.epoll2006.caches import Caches
from controller.studies.epoll2006.tree import Tree
from nodes.machine.allocators.nta import V1, V2, NtaShape
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks


def tree(shape: NtaShape = V2, cpus: int = 2) -> Tree:
    return Tree(cpus, Caches(cpus, 1 << 20), PagePool(16384, Watermarks.of(64, 16384)), shape)


def test_an_allocation_looks_at_every_list_up_to_the_one_that_serves_it() -> None:
    memory = tree()
    memory.take(1920, 0)
    assert memory.work["scan"] == 512 - 30 + 1, "30 units asked; only whole nodes of 512 are free"
    memory.take(1920, 0)
    assert memory.work["scan"] == 483 + (482 - 30 + 1), "then the rest of that node"


def test_objects_do_not_overlap_and_are_packed_to_the_unit() -> None:
    memory = tree()
    areas = [memory.take(1920, 0) for _ in range(17)]
    assert [area.at - areas[0].at for area in areas] == [1920 * n for n in range(17)], "17 in 32 KiB; slab has 16"
    assert memory.take(1920, 1).at - areas[0].at >= 1 << 32, "CPUs have nodes of their own"


def test_a_free_on_another_cpu_bounces_now_and_again_when_the_owner_takes_it_back() -> None:
    memory = tree()
    mine, other = memory.take(512, 0), memory.take(512, 0)
    memory.caches.cleared()
    memory.give(mine, 1)
    assert memory.work["lock"] == 1 and memory.caches.counts()["allocator"]["bounce"] >= 1
    memory.caches.cleared()
    memory.give(other, 0)
    assert memory.work["lock"] == 2, "the owner's next free takes it off its list"
    assert memory.caches.counts()["allocator"]["bounce"] >= 2, "the lock and the object's first line come back"
    assert memory.allocator.stats().waiting == 0


def test_v1_walks_through_its_whole_pool_where_v2_uses_the_same_lines_again() -> None:
    cold = {}
    for shape in (V1, V2):
        memory = tree(shape, cpus=1)
        for _ in range(300):
            memory.give(memory.take(shape.node_bytes, 0), 0)
        cold[shape.name] = memory.caches.counts()["allocator"]["memory"]
    assert cold["nta-v1"] > 300 > 100 > cold["nta-v2"], "oldest piece first: 1021 nodes go round, or 8"


def test_growth_is_counted_in_pages() -> None:
    memory = tree(cpus=1)
    areas = [memory.take(4096, 0) for _ in range(65)]
    assert memory.work["page"] == 9 and len({area.at for area in areas}) == 65
