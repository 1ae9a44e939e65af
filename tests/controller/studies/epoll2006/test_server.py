"""The packets of a request."""

from __future__ import annotations

import pytest

from controller.studies.epoll2006.caches import Caches
from controller.studies.epoll2006.kmalloc import Kmalloc
from controller.studies.epoll2006.server import RING_SLOTS, RX_BYTES, Load, Server
from controller.studies.epoll2006.tree import Tree
from nodes.machine.allocators.nta import V2
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks


def server(load: Load) -> Server:
    caches = Caches(load.cpus, load.cache_bytes)
    pool = PagePool(1 << 16, Watermarks.of(64, 1 << 16))
    return Server(load, caches, Kmalloc(load.cpus, caches, pool), Tree(load.cpus, caches, pool, V2))


@pytest.mark.parametrize(("response_bytes", "packets"), [(100, 9), (1448, 9), (4096, 12), (8192, 17)])
def test_a_request_needs_these_packets_and_leaves_nothing(response_bytes: int, packets: int) -> None:
    one = server(Load(in_flight=4, response_bytes=response_bytes))
    one.heads.work.clear()
    one.serve()
    taken = one.memory.allocator.stats()
    assert one.heads.work["kmalloc"] == 2 * 4 * packets, "a head each, taken and given"
    assert taken.allocations == RING_SLOTS + 4 * packets
    left = taken.objects + taken.waiting
    assert taken.allocations - taken.releases == RING_SLOTS <= left, "only the ring is still allocated"


@pytest.mark.parametrize(("cpus", "foreign"), [(1, 0), (2, 5)])
def test_the_request_is_freed_by_the_process_and_the_response_by_the_softirq(cpus: int, foreign: int) -> None:
    one = server(Load(cpus=cpus, in_flight=4))
    one.serve()
    assert one.memory.allocator.stats().cross_cpu_releases == 4 * foreign, "the request, three segments, and the FIN"


def test_the_ring_holds_full_buffers() -> None:
    one = server(Load())
    assert {packet.data_bytes for packet in one.ring} == {RX_BYTES} and len(one.ring) == RING_SLOTS


@pytest.mark.parametrize("wrong", [{"cpus": 0}, {"cpus": 3}, {"debug_slab": 2}, {"in_flight": 0}, {"requests": 0}])
def test_loads_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))} is .*: \d to \d+ is needed"):
        Load(**wrong)
