"""The receive path: ring, refill, head and data, demux, early drop, receive buffers.

Theory of operation. A packet needs, in this order: a filled descriptor in the ring; a head (with it in the ring, or
allocated now); a socket. A packet that is consumed at once (block traffic, no socket) or dropped, and is not marked, gives
its objects back and the driver takes the same ones for the ring again: the state is as before, so nothing is done at all.
That is the short way most packets of a flood go. Marked packets go the long way, since what they give back may return a
page to the pool (physics.md sections 1, 3 and 4).
"""

from __future__ import annotations

from collections import deque

from nodes.machine.allocators.base import ALL_RESERVE, NO_RESERVE, Block, PacketAllocator
from nodes.machine.allocators.slab import HEAD_BYTES
from nodes.machine.events import BLOCK_SOCKET, ICMP, Verdict
from nodes.machine.nic import WORKER_RETRY_NS, NicModel
from nodes.machine.pages import PagePool
from nodes.machine.policies.base import Policy
from nodes.machine.sockets import Slot, Socket, is_marked

COPY_BYTES = 512
"""Data area of a copied small frame: napi_alloc_skb's slot for frames up to 640 B is 1 KiB with head room; the frames that
are copied are at most 256 B (own sum)."""


class Receiver:
    """One NIC and the sockets behind it. Counters only grow."""

    def __init__(self, nic: NicModel, pool: PagePool, allocator: PacketAllocator, cpus: int = 1) -> None:
        self.nic, self.pool, self.allocator, self.cpus = nic, pool, allocator, cpus
        self.sockets: dict[int, Socket] = {}
        self.ring: deque[Slot] = deque()
        self.marked_slots = 0
        """Ring buffers (or their heads) that came from the reserve."""
        self.fixed_slots = nic.ring_slots if nic.refill == "fixed" else 0
        self._swaps = nic.refill == "swap"
        self.napi_off = False
        """True while virtio_net's refill worker holds the queue (physics.md section 4)."""
        self.worker_due_ns: int | None = None
        self.watchdog_due_ns: int | None = None
        self.rx_packets = self.alloc_failures = self.early_drops = self.rcvbuf_drops = 0
        self.no_buffer_drops = self.block_drops = self.junk_packets = 0
        self.held_bytes = 0
        self._next_socket = BLOCK_SOCKET + 1

    def set_policy(self, policy: Policy) -> None:
        """Takes over what `policy` decides on the hot path."""
        always = self.nic.reserve_always
        self._ring_reserve = ALL_RESERVE if always else policy.on_ring_shortage(self.nic)
        self._copy_reserve = ALL_RESERVE if always else policy.on_copy_shortage()
        self._head_reserve = ALL_RESERVE if always else policy.on_head_shortage()
        self._deliver_marked = {
            True: policy.on_demux(policy.memalloc_socket),
            False: policy.on_demux(False),
        }
        self._deliver_marked_icmp = policy.on_icmp()
        self._block_always = self.nic.heads_in_ring and not self._swaps and self._deliver_marked[True]

    def may_use_reserve(self) -> bool:
        """Does the policy, or the card, open the reserve to reception at all?"""
        return bool(self._ring_reserve or self._copy_reserve or self._head_reserve)

    # ---- sockets

    def open(self, rcvbuf_bytes: int, coalesces: bool) -> int:
        """A socket whose buffer was asked for `rcvbuf_bytes`; the kernel doubles it (net/core/sock.c, SO_RCVBUF)."""
        number, self._next_socket = self._next_socket, self._next_socket + 1
        self.sockets[number] = Socket(2 * rcvbuf_bytes, coalesces)
        return number

    def close(self, number: int) -> None:
        """Frees all that the socket holds."""
        self.read(number, None)
        self.sockets.pop(number, None)

    def read(self, number: int, packets: int | None) -> None:
        """The application takes the oldest `packets` (None: all); their memory is free again, on its CPU."""
        socket = self.sockets.get(number)
        if socket is None:
            return
        queue, cpu = socket.queue, number % self.cpus
        for _ in range(len(queue) if packets is None else min(packets, len(queue))):
            slot, true_bytes = queue.popleft()
            socket.held_bytes -= true_bytes
            self.held_bytes -= true_bytes
            self._release(slot, cpu)

    def free_slots(self) -> int:
        """Descriptors with a buffer behind them."""
        return len(self.ring) + self.fixed_slots

    def missing(self) -> str:
        """What a packet that arrives now would not find: `queue` (reception is off), `buffer`, `copy`, `head` or nothing."""
        if self.napi_off:
            return "queue"
        if not self.free_slots():
            return "buffer"
        return self._missing_memory()

    def _missing_memory(self) -> str:
        """Tries what a small packet would need and gives it back: exact for every allocator, and leaves no trace."""
        if self.nic.heads_in_ring and not self._swaps:
            return ""
        floor = self.pool.marks.atomic_floor
        lowest, wanted = self.pool.lowest, self.pool.kswapd_wanted
        data = None
        if self.fixed_slots:
            data = self.allocator.data(COPY_BYTES, floor, self._copy_reserve)
        elif self._swaps:
            data = self.allocator.data(self.nic.data_bytes, floor, self._ring_reserve)
        head = self.allocator.head(floor, self._head_reserve, data)
        for block in (data, head):
            if block is not None:
                self.allocator.release(block)
        self.pool.lowest, self.pool.kswapd_wanted = lowest, wanted
        if (self.fixed_slots or self._swaps) and data is None:
            return "copy"
        return "" if head is not None else "head"

    # ---- packets

    def packet(self, number: int, size_bytes: int, segments: int, now_ns: int) -> Verdict:
        """Judges one inbound packet of `segments` wire packets. See the theory of operation."""
        self.rx_packets += segments
        if len(self.ring) + self.fixed_slots < segments or self.napi_off:
            return self._lost(number, segments, now_ns)
        if number == BLOCK_SOCKET and self._block_always:
            # Copied or not: a small reply finds a copy or takes the ring's own buffer, and either is free again at once.
            return Verdict.ACCEPT
        if size_bytes <= self.nic.copybreak_bytes or self.fixed_slots:
            return self._copied(number, size_bytes, segments, now_ns)
        return self._from_ring(number, size_bytes, segments, now_ns)

    def _from_ring(self, number: int, size_bytes: int, segments: int, now_ns: int) -> Verdict:
        if self.marked_slots or not self.nic.heads_in_ring or self._swaps:
            return self._from_ring_slowly(number, size_bytes, segments, now_ns)
        socket = self.sockets.get(number)
        if socket is None:
            return Verdict.ACCEPT
        if socket.held_bytes >= socket.rcvbuf_bytes:
            return self._buffer_full(segments)
        for _ in range(segments):
            self._queue(socket, self.ring.popleft())
        self._refill_if_due(now_ns)
        return Verdict.ACCEPT

    def _from_ring_slowly(self, number: int, size_bytes: int, segments: int, now_ns: int) -> Verdict:
        """Marked buffers, heads that are allocated only now, or buffers that must be replaced first."""
        if self._swaps and not self._replaced(segments):
            return self._no_memory(number, segments)
        slots = [self.ring.popleft() for _ in range(segments)]
        for slot in slots:
            self.marked_slots -= is_marked(slot)
        if not self.nic.heads_in_ring:
            heads = self._heads(slots)
            if heads is None:
                self.ring.extendleft(reversed(slots))
                for slot in slots:
                    self.marked_slots += is_marked(slot)
                return self._no_memory(number, segments)
            slots = [(head, data) for head, (_, data) in zip(heads, slots, strict=True)]
        verdict = self._deliver(number, slots)
        self._refill_if_due(now_ns)
        return verdict

    def _copied(self, number: int, size_bytes: int, segments: int, now_ns: int) -> Verdict:
        """Small frames and `fixed` cards: a fresh skb, and the ring buffer is used again."""
        socket = self.sockets.get(number)
        if self.pool.free > self.pool.marks.low_pages + 2 * segments:
            # With so much room the skb would be had, unmarked, without waking kswapd; nobody to keep it gives it back.
            if socket is None:
                return Verdict.ACCEPT
            if socket.held_bytes >= socket.rcvbuf_bytes:
                return self._buffer_full(segments)
        length = COPY_BYTES if size_bytes <= COPY_BYTES else self.nic.data_bytes
        slots = self._fresh(segments, length, self._copy_reserve)
        if slots is not None:
            return self._deliver(number, slots)
        if self.fixed_slots:
            return self._no_memory(number, segments)
        # e1000, e1000e, virtio: no copy, then the ring's own buffer is passed up (e1000_copybreak).
        return self._from_ring(number, size_bytes, segments, now_ns)

    def _fresh(self, count: int, length: int, data_reserve: int) -> list[Slot] | None:
        """`count` new skbs, all or none."""
        floor = self.pool.marks.atomic_floor
        slots: list[Slot] = []
        for _ in range(count):
            data = self.allocator.data(length, floor, data_reserve)
            head = self.allocator.head(floor, self._head_reserve, data) if data else None
            if data is None or head is None:
                for slot in [*slots, *([(None, data)] if data else [])]:
                    self._release(slot)
                return None
            slots.append((head, data))
        return slots

    def _deliver(self, number: int, slots: list[Slot]) -> Verdict:
        """Demux, early drop and receive buffer; `slots` are out of the ring."""
        socket = self.sockets.get(number)
        if self.allocator.marked_pages and any(map(is_marked, slots)) and not self._may_have_marked(number):
            self.early_drops += len(slots)
            return self._drop(slots)
        if socket is None:
            for slot in slots:
                self._release(slot)
            return Verdict.ACCEPT
        if socket.held_bytes >= socket.rcvbuf_bytes:
            self._drop(slots)
            return self._buffer_full(len(slots))
        for slot in slots:
            self._queue(socket, slot)
        return Verdict.ACCEPT

    def _may_have_marked(self, number: int) -> bool:
        if number == ICMP:
            return self._deliver_marked_icmp
        return self._deliver_marked[number == BLOCK_SOCKET]

    def _queue(self, socket: Socket, slot: Slot) -> None:
        true_bytes = HEAD_BYTES + self.nic.data_bytes
        head, data = slot
        if socket.coalesces and head is not None:
            # tcp_try_coalesce frees the head of an skb that joins its predecessor (lab: heads come back).
            self.allocator.release(head)
            slot = (None, data)
        socket.queue.append((slot, true_bytes))
        socket.held_bytes += true_bytes
        self.held_bytes += true_bytes
        self.junk_packets += 1

    def _heads(self, slots: list[Slot]) -> list[Block] | None:
        floor = self.pool.marks.atomic_floor
        heads: list[Block] = []
        for _, data in slots:
            head = self.allocator.head(floor, self._head_reserve, data)
            if head is None:
                for block in heads:
                    self.allocator.release(block)
                return None
            heads.append(head)
        return heads

    def _release(self, slot: Slot, cpu: int = 0) -> None:
        head, data = slot
        self.allocator.release(data, cpu)
        if head is not None:
            self.allocator.release(head, cpu)

    # ---- the ways a packet is lost

    def _lost(self, number: int, segments: int, now_ns: int) -> Verdict:
        self.no_buffer_drops += segments
        self._count_block(number, segments)
        self._arm_watchdog(now_ns)
        return Verdict.DROP

    def _no_memory(self, number: int, segments: int) -> Verdict:
        self.alloc_failures += segments
        self._count_block(number, segments)
        return Verdict.DROP

    def _buffer_full(self, segments: int) -> Verdict:
        self.rcvbuf_drops += segments
        return Verdict.DROP

    def _drop(self, slots: list[Slot]) -> Verdict:
        for slot in slots:
            self._release(slot)
        return Verdict.DROP

    def _count_block(self, number: int, segments: int) -> None:
        if number == BLOCK_SOCKET:
            self.block_drops += segments

    # ---- refill

    def refill(self, floor_pages: int, reserve: bool = True) -> bool:
        """Fills empty descriptors until the ring is full (True) or memory is refused (False)."""
        data_reserve = self._ring_reserve if reserve else NO_RESERVE
        head_reserve = self._head_reserve if reserve else NO_RESERVE
        while self.free_slots() < self.nic.ring_slots:
            data = self.allocator.data(self.nic.data_bytes, floor_pages, data_reserve)
            if data is None:
                self.alloc_failures += 1
                return False
            head = None
            if self.nic.heads_in_ring:
                head = self.allocator.head(floor_pages, head_reserve, data)
                if head is None:
                    self.allocator.release(data)
                    self.alloc_failures += 1
                    return False
            slot = (head, data)
            self.ring.append(slot)
            self.marked_slots += is_marked(slot)
        return True

    def _replaced(self, segments: int) -> bool:
        """vmxnet3 has the new buffer before it passes the old one up; without, the old one stays (physics.md section 4)."""
        fresh = self._fresh(segments, self.nic.data_bytes, self._ring_reserve)
        if fresh is None:
            return False
        self.ring.extend(fresh)
        self.marked_slots += sum(map(is_marked, fresh))
        return True

    def _refill_if_due(self, now_ns: int) -> None:
        if self.nic.ring_slots - len(self.ring) < self.nic.refill_batch:
            return
        if not self.refill(self.pool.marks.atomic_floor):
            self._refill_failed(now_ns)

    def _refill_failed(self, now_ns: int) -> None:
        if self.nic.refill == "worker" and self.worker_due_ns is None:
            # refill_work: napi_disable first, then GFP_KERNEL (drivers/net/virtio_net.c; physics.md section 4).
            self.napi_off = True
            self.worker_due_ns = now_ns
        self._arm_watchdog(now_ns)

    def _arm_watchdog(self, now_ns: int) -> None:
        if self.nic.watchdog_ns and self.watchdog_due_ns is None:
            self.watchdog_due_ns = now_ns + self.nic.watchdog_ns

    def run_timers(self, now_ns: int) -> None:
        """The driver's watchdog and the refill worker, where they are due."""
        if self.watchdog_due_ns is not None and now_ns >= self.watchdog_due_ns:
            self.watchdog_due_ns = None
            if not self.refill(self.pool.marks.atomic_floor):
                self._arm_watchdog(now_ns)
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
