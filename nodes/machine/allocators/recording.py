"""What a machine asks of its packet allocator, written down as it happens, so that another allocator can be asked the same.

A `Recorder` stands in an allocator's place: it passes every request on and keeps a record of it. `record` puts one into a
machine; what the machine holds already is recorded as if it were asked for now. Every record tells how many pages others
held (the application, the kernel), so that a replay meets the same shortage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from nodes.machine.allocators.base import ALL_RESERVE, NO_RESERVE, AllocatorStats, Block, PacketAllocator
from nodes.machine.pages import PagePool

if TYPE_CHECKING:
    from nodes.machine.machine import Machine

OPERATIONS_MAX = 2_000_000
"""Of one recording: some 300 MB of memory, 20 MB of compressed file (own)."""


class Clock(Protocol):
    """Who knows what time it is in the machine's world."""

    now_ns: int


class _Operation(Struct, frozen=True, kw_only=True, tag_field="op", omit_defaults=True, forbid_unknown_fields=True):
    t_ns: int
    id: int
    """Of the object; no two objects of a recording share one."""
    others: int = 0
    """Pages that neither were free nor held by the allocator when it was asked."""


class DataTaken(_Operation, frozen=True, kw_only=True, tag="data", omit_defaults=True):
    """A packet's data was asked for."""

    size_bytes: int
    floor_pages: int
    reserve_pages_max: int = NO_RESERVE
    got: bool = True


class HeadTaken(_Operation, frozen=True, kw_only=True, tag="head", omit_defaults=True):
    """A packet's head was asked for, beside the data `beside` if there is any."""

    floor_pages: int
    reserve_pages_max: int = NO_RESERVE
    beside: int | None = None
    got: bool = True


class Released(_Operation, frozen=True, kw_only=True, tag="release", omit_defaults=True):
    """An object was given back on `cpu`."""

    cpu: int = 0


Operation = DataTaken | HeadTaken | Released


class Noted:
    """A recorded object: the allocator's own, which may be one of many alike, and the number that tells it from them."""

    __slots__ = ("block", "marked", "number")

    def __init__(self, block: Block, number: int) -> None:
        self.block, self.marked, self.number = block, block.marked, number


class Recorder:
    """A PacketAllocator that records. After `operations_max` it goes on serving, records nothing more and counts in `missed`
    what it left out. A pickled copy is for trying out what would happen: it records nothing."""

    def __init__(
        self, allocator: PacketAllocator, pool: PagePool, clock: Clock, operations_max: int = OPERATIONS_MAX
    ) -> None:
        self.allocator, self.pool, self.operations_max = allocator, pool, operations_max
        self.operations: list[Operation] = []
        self.missed = 0
        self._clock = clock
        self._next = 0

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"operations": [], "operations_max": 0}

    @property
    def pages(self) -> int:
        """See PacketAllocator."""
        return self.allocator.pages

    @property
    def marked_pages(self) -> int:
        """See PacketAllocator."""
        return self.allocator.marked_pages

    def head(self, floor_pages: int, reserve_pages_max: int = NO_RESERVE, beside: Block | None = None) -> Block | None:
        """See PacketAllocator."""
        others, number = self._others(), self._number()
        near = beside if isinstance(beside, Noted) else None
        block = self.allocator.head(floor_pages, reserve_pages_max, near.block if near else None)
        self._head(number, others, floor_pages, reserve_pages_max, near, got=block is not None)
        return Noted(block, number) if block is not None else None

    def data(self, size_bytes: int, floor_pages: int, reserve_pages_max: int = NO_RESERVE) -> Block | None:
        """See PacketAllocator."""
        others, number = self._others(), self._number()
        block = self.allocator.data(size_bytes, floor_pages, reserve_pages_max)
        self._data(number, others, size_bytes, floor_pages, reserve_pages_max, got=block is not None)
        return Noted(block, number) if block is not None else None

    def release(self, block: Block, cpu: int = 0) -> None:
        """See PacketAllocator."""
        assert isinstance(block, Noted)
        self._keep(Released(t_ns=self._clock.now_ns, id=block.number, others=self._others(), cpu=cpu))
        self.allocator.release(block.block, cpu)

    def opens(self, reserve_pages_max: int) -> bool:
        """See PacketAllocator."""
        return self.allocator.opens(reserve_pages_max)

    def data_pages(self, size_bytes: int) -> int:
        """See PacketAllocator."""
        return self.allocator.data_pages(size_bytes)

    def head_pages(self, data_bytes: int) -> int:
        """See PacketAllocator."""
        return self.allocator.head_pages(data_bytes)

    def stats(self) -> AllocatorStats:
        """See PacketAllocator."""
        return self.allocator.stats()

    def adopt_data(self, block: Block, size_bytes: int) -> Noted:
        """Data that was there before the recording."""
        number = self._number()
        self._data(number, self._others(), size_bytes, 0, ALL_RESERVE if block.marked else NO_RESERVE, got=True)
        return Noted(block, number)

    def adopt_head(self, block: Block, beside: Noted | None) -> Noted:
        """A head that was there before the recording."""
        number = self._number()
        self._head(number, self._others(), 0, ALL_RESERVE if block.marked else NO_RESERVE, beside, got=True)
        return Noted(block, number)

    def _data(self, number: int, others: int, size_bytes: int, floor: int, reserve: int, *, got: bool) -> None:
        now_ns = self._clock.now_ns
        self._keep(
            DataTaken(
                t_ns=now_ns,
                id=number,
                others=others,
                size_bytes=size_bytes,
                floor_pages=floor,
                reserve_pages_max=reserve,
                got=got,
            )
        )

    def _head(self, number: int, others: int, floor: int, reserve: int, beside: Noted | None, *, got: bool) -> None:
        now_ns, near = self._clock.now_ns, beside.number if beside else None
        self._keep(
            HeadTaken(
                t_ns=now_ns,
                id=number,
                others=others,
                floor_pages=floor,
                reserve_pages_max=reserve,
                beside=near,
                got=got,
            )
        )

    def _keep(self, operation: Operation) -> None:
        if len(self.operations) < self.operations_max:
            self.operations.append(operation)
        else:
            self.missed += 1

    def _others(self) -> int:
        return self.pool.total - self.pool.free - self.allocator.pages

    def _number(self) -> int:
        self._next += 1
        return self._next


def record(machine: Machine, clock: Clock, operations_max: int = OPERATIONS_MAX) -> Recorder:
    """Records everything that `machine` asks of its packet allocator from now on. Bios are not among it: they come from the
    kernel's own slab."""
    recorder = Recorder(machine.allocator, machine.pool, clock, operations_max)
    assert not any(request.tx_head for request in machine.block.requests.values()), (
        "recording begins before the first request"
    )
    for receiver in machine.receivers:
        assert not any(socket.queue for socket in receiver.sockets.values()), "recording begins before the first packet"
        for number, (head, data) in enumerate(receiver.ring):
            noted = recorder.adopt_data(data, receiver.nic.data_bytes)
            receiver.ring[number] = recorder.adopt_head(head, noted) if head is not None else None, noted
        receiver.allocator = recorder
    machine.allocator = machine.block.allocator = recorder
    return recorder
