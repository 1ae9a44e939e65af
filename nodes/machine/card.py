"""A network card with its driver: the ring, who fills it, and who rings the bell when it has run dry.

Theory of operation. Every descriptor of the ring needs memory before a packet can land in it. The driver fills the empty
ones in batches, in softirq; what happens when it gets no memory is the card's model (`nic`). Memory that came from the
reserve marks its slot. Under a policy that counts instead of marking (`iface`), each such slot is a debt of the card, and
the reserve opens only while the debt is below the policy's limit (physics.md sections 4 and 5).
"""

from __future__ import annotations

from collections import deque

from nodes.machine.allocators.base import ALL_RESERVE, NO_RESERVE, Block, PacketAllocator
from nodes.machine.nic import WORKER_RETRY_NS, NicModel
from nodes.machine.pages import PagePool
from nodes.machine.policies.base import Policy
from nodes.machine.sockets import Slot, is_marked, release

COPY_BYTES = 512
"""Data area of a copied small frame: napi_alloc_skb's slot for frames up to 640 B is 1 KiB with head room; the frames that
are copied are at most 256 B (own sum)."""


class Card:
    """Ring, refill and timers of one card. `floor_pages` and the reserves are what the policy in force grants."""

    def __init__(self, nic: NicModel, pool: PagePool, allocator: PacketAllocator) -> None:
        self.nic, self.pool, self.allocator = nic, pool, allocator
        self.ring: deque[Slot] = deque()
        self.marked_slots = 0
        """Ring buffers (or their heads) that came from the reserve."""
        self.fixed_slots = nic.ring_slots if nic.refill == "fixed" else 0
        self.swaps = nic.refill == "swap"
        self.napi_off = False
        """True while virtio_net's refill worker holds the queue (physics.md section 4)."""
        self.worker_due_ns: int | None = None
        self.watchdog_due_ns: int | None = None
        self.debt = self.debt_max = 0
        """Packets that took from the reserve and have not been paid back by any packet; 0 as maximum: nobody counts."""
        self.alloc_failures = 0
        self.floor_pages = 0
        self.ring_reserve = self.copy_reserve = self.head_reserve = NO_RESERVE

    def set_rights(self, policy: Policy) -> None:
        """Takes over how deep the driver may dip into the pool. Due again when the watermarks change."""
        nic, oracle = self.nic, policy.oracle
        ideal = nic.ideal and not oracle
        self.floor_pages = policy.rx_floor(self.pool.marks)
        always = nic.data == "always" and not oracle
        self.ring_reserve = ALL_RESERVE if always else policy.on_ring_shortage(nic)
        self.copy_reserve = ALL_RESERVE if ideal else policy.on_copy_shortage()
        self.head_reserve = ALL_RESERVE if ideal else policy.on_head_shortage()
        self.debt_max = policy.debt_max_packets
        if not self.debt_max:
            self.debt = 0

    def may_use_reserve(self) -> bool:
        """Does the policy, or the card, open the reserve to reception at all?"""
        return bool(self.ring_reserve or self.copy_reserve or self.head_reserve)

    def free_slots(self) -> int:
        """Descriptors with a buffer behind them."""
        return len(self.ring) + self.fixed_slots

    # ---- memory

    def take(self, length: int, floor_pages: int, data_reserve: int, head_reserve: int, headless: bool) -> Slot | None:
        """Memory for one packet, all or none; without a head where that comes later."""
        if self.debt >= self.debt_max > 0:
            data_reserve = head_reserve = NO_RESERVE
        data = self.allocator.data(length, floor_pages, data_reserve)
        if data is None:
            return None
        head = None
        if not headless:
            head = self.allocator.head(floor_pages, head_reserve, data)
            if head is None:
                self.allocator.release(data)
                return None
        if self.debt_max and (data.marked or (head is not None and head.marked)):
            self.debt += 1
        return head, data

    def fresh(self, count: int, length: int, data_reserve: int) -> list[Slot] | None:
        """Memory for `count` whole packets, all or none."""
        debt = self.debt
        slots: list[Slot] = []
        for _ in range(count):
            slot = self.take(length, self.floor_pages, data_reserve, self.head_reserve, False)
            if slot is None:
                for taken in slots:
                    release(self.allocator, taken)
                self.debt = debt
                return None
            slots.append(slot)
        return slots

    def with_heads(self, slots: list[Slot]) -> list[Slot] | None:
        """Buffers out of the ring, each with a head allocated now; None, and nothing taken, when one is lacking. A debt at
        its limit does not refuse a head: the packet pays for it at once (in 2005 it stood in the ring with the data)."""
        debt = self.debt
        whole: list[Slot] = []
        for _, data in slots:
            head = self.allocator.head(self.floor_pages, self.head_reserve, data)
            if head is None:
                for taken, _ in whole:
                    assert taken is not None
                    self.allocator.release(taken)
                self.debt = debt
                return None
            if self.debt_max and head.marked and not data.marked:
                self.debt += 1
            whole.append((head, data))
        return whole

    # ---- the ring

    def pop(self, count: int) -> list[Slot]:
        """The next `count` buffers."""
        slots = [self.ring.popleft() for _ in range(count)]
        if self.marked_slots:
            self.marked_slots -= sum(map(is_marked, slots))
        return slots

    def push(self, slots: list[Slot]) -> None:
        """Filled buffers at the end of the ring."""
        self.ring.extend(slots)
        self.marked_slots += sum(map(is_marked, slots))

    def put_back(self, slots: list[Slot]) -> None:
        """What `pop` took is used again."""
        self.ring.extendleft(reversed(slots))
        self.marked_slots += sum(map(is_marked, slots))

    def replace(self, count: int) -> bool:
        """vmxnet3 has new buffers before it passes the old ones up; without, the old ones stay (physics.md section 4)."""
        fresh = self.fresh(count, self.nic.data_bytes, self.ring_reserve)
        if fresh is None:
            return False
        self.push(fresh)
        return True

    def refill(self, floor_pages: int, reserve: bool = True) -> bool:
        """Fills empty descriptors until the ring is full (True) or memory is refused (False)."""
        data_reserve = self.ring_reserve if reserve else NO_RESERVE
        head_reserve = self.head_reserve if reserve else NO_RESERVE
        headless, length, ring = not self.nic.heads_in_ring, self.nic.data_bytes, self.ring
        for _ in range(self.nic.ring_slots - self.free_slots()):
            slot = self.take(length, floor_pages, data_reserve, head_reserve, headless)
            if slot is None:
                self.alloc_failures += 1
                return False
            ring.append(slot)
            head, data = slot
            if data.marked or (head is not None and head.marked):
                self.marked_slots += 1
        return True

    def refill_if_due(self, now_ns: int) -> None:
        """The driver's own refill, once a batch of descriptors is empty."""
        if self.nic.ring_slots - self.free_slots() < self.nic.refill_batch:
            return
        if not self.refill(self.floor_pages):
            if self.nic.refill == "worker" and self.worker_due_ns is None:
                # refill_work: napi_disable first, then GFP_KERNEL (drivers/net/virtio_net.c; physics.md section 4).
                self.napi_off = True
                self.worker_due_ns = now_ns
            self.arm_watchdog(now_ns)

    def missing(self) -> str:
        """What a packet that arrives now would not find: `queue` (reception is off), `buffer`, `copy`, `head` or nothing."""
        if self.napi_off:
            return "queue"
        if not self.free_slots():
            return "buffer"
        if self.nic.heads_in_ring and not self.swaps:
            return ""
        return self._missing_memory()

    def _missing_memory(self) -> str:
        """Tries what a small packet would need and gives it back: exact for every allocator, and leaves no trace."""
        lowest, wanted = self.pool.lowest, self.pool.kswapd_wanted
        copied = self.fixed_slots or self.swaps
        indebted = copied and self.debt >= self.debt_max > 0
        reserve = NO_RESERVE if indebted else self.copy_reserve if self.fixed_slots else self.ring_reserve
        length = COPY_BYTES if self.fixed_slots else self.nic.data_bytes
        data: Block | None = self.allocator.data(length, self.floor_pages, reserve) if copied else None
        beside = data or (self.ring[0][1] if self.ring else None)
        head = self.allocator.head(self.floor_pages, NO_RESERVE if indebted else self.head_reserve, beside)
        for block in (data, head):
            if block is not None:
                self.allocator.release(block)
        self.pool.lowest, self.pool.kswapd_wanted = lowest, wanted
        if copied and data is None:
            return "copy"
        return "" if head is not None else "head"

    def pages_needed(self, missing: str) -> int:
        """How many pages must be free before that can be had which a packet finds `missing` (see there): those that data and
        head take, one after the other, each above the floor of its class or out of the reserve where that is open to it."""
        if missing == "queue":
            return self.pool.marks.kernel_floor + 1
        need = taken = 0
        for pages, reserve in self._pieces(missing):
            taken += pages
            closed = not self.allocator.opens(reserve) or self.debt >= self.debt_max > 0
            need = max(need, taken + (self.floor_pages if closed else 0)) if pages else need
        return need

    def _pieces(self, missing: str) -> list[tuple[int, int]]:
        """What has to be allocated, in order: pages that it takes, and how much of the reserve is open to it."""
        copied = self.fixed_slots > 0 or self.swaps
        size_bytes = COPY_BYTES if self.fixed_slots else self.nic.data_bytes
        data_reserve, head_reserve = self.copy_reserve if self.fixed_slots else self.ring_reserve, self.head_reserve
        if missing == "mark":  # unmarked memory alone will do
            data_reserve = head_reserve = NO_RESERVE
        data = (self.allocator.data_pages(size_bytes), data_reserve)
        head = (self.allocator.head_pages(size_bytes), head_reserve)
        if missing == "head" and not copied:
            return [head]
        return [data, head] if copied or self.nic.heads_in_ring else [data]

    # ---- timers

    def arm_watchdog(self, now_ns: int) -> bool:
        """Has the driver force an interrupt after its period; False when that was so already, or it never does."""
        if not self.nic.watchdog_ns or self.watchdog_due_ns is not None:
            return False
        self.watchdog_due_ns = now_ns + self.nic.watchdog_ns
        return True

    def run_timers(self, now_ns: int) -> None:
        """The driver's watchdog and the refill worker, where they are due."""
        if self.watchdog_due_ns is not None and now_ns >= self.watchdog_due_ns:
            self.watchdog_due_ns = None
            if not self.refill(self.floor_pages):
                self.arm_watchdog(now_ns)
        if self.worker_due_ns is not None and now_ns >= self.worker_due_ns:
            self._run_worker(now_ns)

    def _run_worker(self, now_ns: int) -> None:
        floor = self.pool.marks.kernel_floor
        if self.pool.free <= floor:
            # In direct reclaim, waiting for a page above min: NAPI stays off. Polled again by whatever frees a page.
            self.pool.kswapd_wanted = True
            return
        full = self.refill(floor, reserve=False)
        self.napi_off = False
        self.worker_due_ns = None if full or self.ring else now_ns + WORKER_RETRY_NS

    def next_deadline_ns(self) -> int | None:
        """When `run_timers` has something to do. A waiting worker has no time of its own."""
        worker = self.worker_due_ns if not self.napi_off else None
        return min((due for due in (self.watchdog_due_ns, worker) if due is not None), default=None)
