"""The same requests, asked of another allocator: what it would have held, refused and given back.

Others (the application, the kernel) keep the pages that they had at each moment, so that an allocator which holds more than
the recorded one meets an empty pool earlier. An object that was refused in the run and is granted here is given back at
once: nobody knows what the machine would have done with it. A head whose data is refused here is not asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from controller.store.tracefile import Trace
from nodes.errors import UsageError
from nodes.machine.allocators import ALLOCATORS
from nodes.machine.allocators.base import Block, PacketAllocator
from nodes.machine.allocators.recording import DataTaken, HeadTaken, Operation, Released
from nodes.machine.allocators.slab import HEAD_BYTES
from nodes.machine.allocators.srog import SrogAllocator
from nodes.machine.pages import PagePool
from nodes.machine.watermarks import Watermarks
from nodes.registry import Registry
from nodes.units import PAGE_BYTES

STUDIED: Registry[Callable[[PagePool, int, int], PacketAllocator]] = Registry("allocator")
"""What can be compared: all that a policy can use, and SROG for every packet, whose packing is of interest though it was
meant for emergencies alone (docs/reference/allocators.md)."""
for _name, _make in ALLOCATORS.items():
    STUDIED.register(_name, _make)
STUDIED.register("srog-all", lambda pool, cpus, pool_bytes: SrogAllocator(pool, cpus))
POINTS = 240
"""Moments of a replay that a picture shows."""


class Point(Struct, frozen=True, kw_only=True):
    """The allocator at one moment."""

    t_ns: int
    objects: int
    pages: int
    pinned_pages: int
    asked_bytes: int


class Replayed(Struct, frozen=True, kw_only=True):
    """What came of one allocator."""

    allocator: str
    requests: int
    """For heads and data, those that the run itself was refused included."""
    refused: int
    granted_more: int
    """Requests that the run was refused and this allocator was not."""
    objects_peak: int
    pages_peak: int
    pages_mean: float
    """Over time."""
    pages_end: int
    pinned_pages_end: int
    pinned_pages_peak: int
    """The most at any of `points`."""
    asked_bytes_at_peak: int
    """The most of it while the most pages were held."""
    allocations: int
    releases: int
    pages_returned: int
    pages_per_release: float
    cross_cpu_releases: int
    points: tuple[Point, ...]
    """At even distances of time."""

    @property
    def overhead(self) -> float:
        """Bytes held per byte asked for, when the most pages were held."""
        return self.pages_peak * PAGE_BYTES / self.asked_bytes_at_peak if self.asked_bytes_at_peak else 0.0


def replay(trace: Trace, name: str, *, memory_pages: int = 0, points: int = POINTS) -> Replayed:
    """Asks allocator `name` everything in `trace`, in a machine of `memory_pages` (0: as recorded; what is more is free).

    Raises UsageError for an unknown name, and for a memory that cannot hold the watermarks, the pages of others, or what the
    allocator sets aside.
    """
    return _Replay(trace, name, memory_pages or trace.header.memory_pages, points).run()


class _Replay:
    def __init__(self, trace: Trace, name: str, memory_pages: int, points: int) -> None:
        header = trace.header
        self.name, self.operations = name, trace.operations
        self.pool = PagePool(memory_pages, Watermarks.of(header.min_pages, memory_pages))
        others = max((operation.others for operation in trace.operations), default=0)
        if others > memory_pages:
            raise UsageError(
                f"others hold up to {others} pages in this trace: memory of {memory_pages} pages is too little"
            )
        self.allocator: PacketAllocator = STUDIED[name](self.pool, header.cpus, 0)
        self.end_ns = max(header.end_ns, trace.operations[-1].t_ns if trace.operations else 0)
        self.last = min(points, self.end_ns)
        """Number of the last point, which stands at the end."""
        self.blocks: dict[int, tuple[Block, int]] = {}
        """What is allocated, with the bytes that were asked for."""
        self.points: list[Point] = []
        self.requests = self.refused = self.granted_more = 0
        self.asked_bytes = self.asked_bytes_at_peak = self.objects_peak = 0
        self.pages_peak = self.allocator.pages
        self.page_ns = 0

    def run(self) -> Replayed:
        now_ns, pages = 0, self.allocator.pages
        for operation in self.operations:
            self.page_ns += pages * (operation.t_ns - now_ns)
            now_ns = operation.t_ns
            self._show_until(now_ns)
            self.pool.free = max(0, self.pool.total - operation.others - pages)
            self._do(operation)
            pages = self.allocator.pages
            if pages > self.pages_peak or (pages == self.pages_peak and self.asked_bytes > self.asked_bytes_at_peak):
                self.pages_peak, self.asked_bytes_at_peak = pages, self.asked_bytes
            self.objects_peak = max(self.objects_peak, len(self.blocks))
        self.page_ns += pages * (self.end_ns - now_ns)
        self._show_until(self.end_ns + 1)
        return self._result()

    def _show_until(self, end_ns: int) -> None:
        """The points before `end_ns`, as nothing has changed since the last operation."""
        if self._next_point_ns() >= end_ns:
            return
        stats = self.allocator.stats()
        while (t_ns := self._next_point_ns()) < end_ns:
            self.points.append(
                Point(
                    t_ns=t_ns,
                    objects=stats.objects,
                    pages=stats.pages,
                    pinned_pages=stats.pinned_pages,
                    asked_bytes=stats.asked_bytes,
                )
            )

    def _next_point_ns(self) -> int:
        number = len(self.points)
        return self.end_ns + 1 if number > self.last else self.end_ns * number // max(1, self.last)

    def _do(self, operation: Operation) -> None:
        match operation:
            case Released(id=number, cpu=cpu):
                if number in self.blocks:
                    block, size_bytes = self.blocks.pop(number)
                    self.asked_bytes -= size_bytes
                    self.allocator.release(block, cpu)
            case DataTaken(size_bytes=size_bytes, floor_pages=floor, reserve_pages_max=reserve):
                self._took(operation, size_bytes, self.allocator.data(size_bytes, floor, reserve))
            case HeadTaken(floor_pages=floor, reserve_pages_max=reserve, beside=None):
                self._took(operation, HEAD_BYTES, self.allocator.head(floor, reserve))
            case HeadTaken(floor_pages=floor, reserve_pages_max=reserve, beside=int(data)):
                if data in self.blocks:
                    self._took(operation, HEAD_BYTES, self.allocator.head(floor, reserve, self.blocks[data][0]))

    def _took(self, operation: Operation, size_bytes: int, block: Block | None) -> None:
        assert not isinstance(operation, Released)
        self.requests += 1
        if block is None:
            self.refused += 1
        elif operation.got:
            self.blocks[operation.id] = block, size_bytes
            self.asked_bytes += size_bytes
        else:
            self.granted_more += 1
            self.allocator.release(block)

    def _result(self) -> Replayed:
        end = self.allocator.stats()
        return Replayed(
            allocator=self.name,
            requests=self.requests,
            refused=self.refused,
            granted_more=self.granted_more,
            objects_peak=self.objects_peak,
            pages_peak=self.pages_peak,
            pages_mean=self.page_ns / self.end_ns if self.end_ns else float(end.pages),
            pages_end=end.pages,
            pinned_pages_end=end.pinned_pages,
            pinned_pages_peak=max(point.pinned_pages for point in self.points),
            asked_bytes_at_peak=self.asked_bytes_at_peak,
            allocations=end.allocations,
            releases=end.releases,
            pages_returned=end.pages_returned,
            pages_per_release=end.pages_per_release,
            cross_cpu_releases=end.cross_cpu_releases,
            points=tuple(self.points),
        )
