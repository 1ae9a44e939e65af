"""kmalloc as Linux 2.6.17 had it on SMP: arrays of free objects before the slabs, one a CPU and one shared.

Pages, slabs and pinning are the real `SlabAllocator`'s; the arrays stand before it, since they decide which objects are
warm. An object freed on another CPU goes into *that* CPU's array: no list of the allocating CPU is touched (mm/slab.c of
2.6.17: cache_alloc_refill, cache_flusharray, enable_cpucache).
"""

from __future__ import annotations

from collections import Counter

from controller.studies.epoll2006.caches import Caches
from controller.studies.epoll2006.memory import KMALLOC_PAGES, KMALLOC_TABLES, Area, page_struct
from nodes.machine.allocators.slab import HEAD_BYTES, SIZES_BYTES, Slab, SlabAllocator
from nodes.machine.pages import PagePool
from nodes.units import PAGE_BYTES

SHARED_BATCHES = 8
"""The shared array holds so many batches (enable_cpucache)."""
CLASS_BYTES = 1 << 20
CPU_BYTES = 1 << 12
"""Room in the address space for the tables of a size class, and of a CPU in them."""
_LOCK, _SHARED = CLASS_BYTES - 4096, CLASS_BYTES // 2


def array_limit(object_bytes: int) -> int:
    """Objects that one CPU's array holds (enable_cpucache)."""
    return 24 if object_bytes > 1024 else 54 if object_bytes > 256 else 120


class SizeClass:
    """One cache. Objects in arrays are allocated, as far as the slabs know."""

    def __init__(self, owner: Kmalloc, number: int, object_bytes: int) -> None:
        self.owner, self.object_bytes = owner, object_bytes
        self.tables = KMALLOC_TABLES + number * CLASS_BYTES
        self.limit = array_limit(object_bytes)
        self.batch = (self.limit + 1) // 2
        self.arrays: list[list[Area]] = [[] for _ in range(owner.cpus)]
        self.shared: list[Area] = []
        self.shared_max = SHARED_BATCHES * self.batch if owner.cpus > 1 else 0
        self._free: dict[Slab, list[int]] = {}
        """Addresses of a slab's free objects."""

    def take(self, cpu: int) -> Area:
        """The object that was freed last on this CPU, or one of a new batch."""
        array = self.arrays[cpu]
        if not array:
            self._refill(array, cpu)
        area = array.pop()
        self._touch_array(cpu, len(array))
        return area

    def give(self, area: Area, cpu: int) -> None:
        """Onto this CPU's array; a full one first gives up its oldest batch."""
        array = self.arrays[cpu]
        self.owner.caches.read(cpu, page_struct(area.at))
        if len(array) == self.limit:
            self._flush(array, cpu)
        array.append(area)
        self._touch_array(cpu, len(array) - 1)

    def _touch_array(self, cpu: int, place: int) -> None:
        base = self.tables + cpu * CPU_BYTES
        self.owner.caches.write(cpu, base)
        self.owner.caches.write(cpu, base + 64 + 8 * place)

    def _refill(self, array: list[Area], cpu: int) -> None:
        self._lock(cpu)
        moved = min(self.batch, len(self.shared))
        for _ in range(moved):
            self._move_shared(cpu, len(self.shared) - 1)
            array.append(self.shared.pop())
        if not moved:
            array.extend(self._from_slab(cpu) for _ in range(self.batch))

    def _flush(self, array: list[Area], cpu: int) -> None:
        self._lock(cpu)
        batch, array[:] = array[: self.batch], array[self.batch :]
        for area in batch:
            if len(self.shared) < self.shared_max:
                self._move_shared(cpu, len(self.shared))
                self.shared.append(area)
            else:
                self._to_slab(area, cpu)

    def _lock(self, cpu: int) -> None:
        self.owner.work["lock"] += 1
        self.owner.caches.write(cpu, self.tables + _LOCK)

    def _move_shared(self, cpu: int, place: int) -> None:
        self.owner.work["move"] += 1
        self.owner.caches.write(cpu, self.tables + _SHARED + 8 * place)

    def _from_slab(self, cpu: int) -> Area:
        """An object of a slab; the slab's descriptor, at the start of its page, is written."""
        slabs, size = self.owner.slabs, self.object_bytes
        slab = slabs.head(0) if size == HEAD_BYTES else slabs.data(size, 0)
        assert isinstance(slab, Slab), "exact sizes of a pool that never runs out"
        if slab not in self._free:
            page = self.owner.new_page()
            self._free[slab] = [page + n * size for n in reversed(range(PAGE_BYTES // size))]
        area = Area(self._free[slab].pop(), size, slab)
        self._touch_slab(area, cpu)
        return area

    def _to_slab(self, area: Area, cpu: int) -> None:
        slab = area.block
        assert isinstance(slab, Slab)
        self._touch_slab(area, cpu)
        self.owner.slabs.release(slab, cpu)
        self._free[slab].append(area.at)
        if slab.used == 0:
            del self._free[slab]
            self.owner.page_back(area.at)

    def _touch_slab(self, area: Area, cpu: int) -> None:
        self.owner.work["move"] += 1
        self.owner.caches.write(cpu, page_struct(area.at) | 1 << 47)


class Kmalloc:
    """All size classes, sk_buff's own cache among them. `debug`: with CONFIG_DEBUG_SLAB a freed object is filled with a
    pattern, which is checked byte by byte and overwritten with another when it is allocated (mm/slab.c of 2.6.17:
    cache_free_debugcheck, check_poison_obj, poison_obj); red zones and callers' names are not counted."""

    def __init__(self, cpus: int, caches: Caches, pool: PagePool, *, debug: bool = False) -> None:
        self.cpus, self.caches, self.slabs = cpus, caches, SlabAllocator(pool, cpus)
        self._debug = debug
        self.work: Counter[str] = Counter()
        self._pages: list[int] = []
        """Addresses of returned pages: the last one is handed out first (the page allocator's per-CPU lists)."""
        self._next_page = KMALLOC_PAGES
        self._classes = {size: SizeClass(self, number, size) for number, size in enumerate((HEAD_BYTES, *SIZES_BYTES))}
        self._class_of = dict(self._classes)

    def take(self, size_bytes: int, cpu: int) -> Area:
        """See Memory."""
        self.work["kmalloc"] += 1
        self.caches.purpose = "allocator"
        area = self._class(size_bytes).take(cpu)
        if self._debug:
            self.work["poison"] += area.size_bytes
            self.caches.write(cpu, area.at, area.size_bytes)
        return area

    def give(self, area: Area, cpu: int) -> None:
        """See Memory."""
        self.work["kmalloc"] += 1
        self.caches.purpose = "allocator"
        if self._debug:
            self.caches.write(cpu, area.at, area.size_bytes)
        self._classes[area.size_bytes].give(area, cpu)

    def _class(self, size_bytes: int) -> SizeClass:
        if size_bytes not in self._class_of:
            self._class_of[size_bytes] = next(cls for size, cls in self._classes.items() if size_bytes <= size)
        return self._class_of[size_bytes]

    def new_page(self) -> int:
        """Address of a page."""
        self.work["page"] += 1
        if self._pages:
            return self._pages.pop()
        self._next_page += PAGE_BYTES
        return self._next_page

    def page_back(self, address: int) -> None:
        """The page of `address` is free."""
        self.work["page"] += 1
        self._pages.append(address // PAGE_BYTES * PAGE_BYTES)
