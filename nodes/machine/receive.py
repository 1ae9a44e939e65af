"""The receive path: from the ring through demux and early drop to a socket's receive buffer.

Theory of operation. A packet needs, in this order: a filled descriptor in the ring; a head (with it in the ring, or
allocated now); a socket. A packet that is consumed at once (block traffic, no socket) or dropped, and is not marked, gives
its objects back and the driver takes the same ones for the ring again: the state is as before, so nothing is done at all.
That is the short way most packets of a flood go. It is open while nothing in the ring is marked and the card has no debt,
and either all that the packet needs is in the ring or memory is so plentiful that it would be had without waking kswapd.
Everything else goes the long way, since what is given back there may return a page, open the reserve or bring a late free
home (physics.md sections 1, 3, 4, 5 and 7).
"""

from __future__ import annotations

from nodes.machine.allocators.base import PacketAllocator
from nodes.machine.allocators.slab import HEAD_BYTES
from nodes.machine.card import COPY_BYTES, Card
from nodes.machine.events import BLOCK_SOCKET, ICMP, NO_SOCKET, Verdict
from nodes.machine.network_memory import NetworkMemory
from nodes.machine.nic import NicModel
from nodes.machine.pages import PagePool
from nodes.machine.policies.base import Policy
from nodes.machine.sockets import Slot, Socket, is_marked, release


class Receiver(Card):
    """A card and the sockets behind it. Counters only grow."""

    def __init__(
        self, nic: NicModel, pool: PagePool, allocator: PacketAllocator, network: NetworkMemory, cpus: int
    ) -> None:
        super().__init__(nic, pool, allocator)
        self.network, self.cpus = network, cpus
        self.sockets: dict[int, Socket] = {}
        self.rx_packets = self.early_drops = self.rcvbuf_drops = 0
        self.no_buffer_drops = self.block_drops = self.junk_packets = 0
        self.true_bytes = HEAD_BYTES + nic.data_bytes
        """What a packet counts for in its socket and under the cap."""
        self._copied_bytes = COPY_BYTES if nic.refill != "fixed" else nic.data_bytes
        self._copybreak_bytes = nic.copybreak_bytes if nic.refill != "fixed" else 1 << 62
        self._ready = nic.heads_in_ring and not self.swaps
        """A packet in the ring has all it needs."""
        self._next_socket = BLOCK_SOCKET + 1
        self.still = True
        """False once a packet has changed anything but counters; `train` sets it."""

    def set_policy(self, policy: Policy, capped: bool = False) -> None:
        """Takes over what `policy` decides on the hot path; `capped`: the sum of network memory has a limit."""
        self.set_rights(policy)
        self._capped, self._oracle = capped, policy.oracle
        self._short_floor = self.pool.marks.low_pages
        self._has_short_way = not policy.own_pools
        # sk_filter_trim_cap refuses marked packets to sockets without the flag even where nobody has it (net/core/filter.c):
        # this shows on drivers that take from the reserve unasked, and there the paging socket loses its replies as well.
        refused = self.nic.data == "always" and not self.nic.ideal
        self._marked_to_block = policy.memalloc_socket if refused else policy.on_demux(policy.memalloc_socket)
        self._marked_to_junk = policy.on_demux(False) and not refused
        self._marked_icmp = policy.on_icmp()
        self._heads_mark = policy.heads_mark or self.nic.ideal
        self._in_debt_to_block = policy.on_debt(policy.memalloc_socket)
        self._block_always = self._ready and self._marked_to_block and self._has_short_way and not capped

    # ---- sockets

    @property
    def held_bytes(self) -> int:
        """All that junk sockets hold."""
        return self.network.rx_bytes

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
        """The application takes the oldest `packets` (None: all); their memory is free again, on the reader's CPU."""
        socket = self.sockets.get(number)
        if socket is None:
            return
        queue, cpu, allocator = socket.queue, number % self.cpus, self.allocator
        count = len(queue) if packets is None else min(packets, len(queue))
        for _ in range(count):
            release(allocator, queue.popleft(), cpu)
        socket.held_bytes -= count * self.true_bytes
        self.network.rx_bytes -= count * self.true_bytes

    # ---- packets

    def packet(self, number: int, size_bytes: int, segments: int, now_ns: int) -> Verdict:
        """Judges one inbound packet of `segments` wire packets. See the theory of operation."""
        self.rx_packets += segments
        if self._oracle:
            if number == BLOCK_SOCKET:
                return Verdict.ACCEPT
            if self.pool.free <= self.floor_pages:
                self.early_drops += segments
                return Verdict.DROP
        if len(self.ring) + self.fixed_slots < segments or self.napi_off:
            return self._lost(number, segments, now_ns)
        if number == BLOCK_SOCKET and self._block_always and not self.debt:
            # Copied or not: a small reply finds a copy or takes the ring's own buffer; either is free again at once.
            return Verdict.ACCEPT
        if not self.debt and self._has_short_way:
            in_ring = self._ready and size_bytes > self._copybreak_bytes
            if not self.marked_slots and (in_ring or self.pool.free > self._short_floor + 2 * segments):
                socket = self.sockets.get(number)
                if socket is not None and socket.held_bytes >= socket.rcvbuf_bytes:
                    self.rcvbuf_drops += segments
                    return Verdict.DROP
                if self._capped and self._refused(number, socket, segments):
                    return self._buffer_full(number, segments)
                if socket is None:
                    return Verdict.ACCEPT
                if in_ring:
                    return self._keep(socket, segments, now_ns)
        self.still = False
        if size_bytes <= self._copybreak_bytes:
            return self._copied(number, size_bytes, segments, now_ns)
        return self._from_ring(number, segments, now_ns)

    def _keep(self, socket: Socket, segments: int, now_ns: int) -> Verdict:
        """The usual way into a socket: unmarked buffers with their heads, straight from the ring."""
        self.still = False
        for _ in range(segments):
            self._queue(socket, self.ring.popleft())
        if self.nic.ring_slots - len(self.ring) >= self.nic.refill_batch:
            self.refill_if_due(now_ns)
        return Verdict.ACCEPT

    def _from_ring(self, number: int, segments: int, now_ns: int) -> Verdict:
        """Marked buffers, heads that are allocated only now, or buffers that must be replaced first."""
        if self.swaps and not self.replace(segments):
            return self._no_memory(number, segments)
        slots = self.pop(segments)
        if not self.nic.heads_in_ring:
            whole = self.with_heads(slots)
            if whole is None:
                self.put_back(slots)
                return self._no_memory(number, segments)
            slots = whole
        verdict = self._deliver(number, slots)
        self.refill_if_due(now_ns)
        return verdict

    def _copied(self, number: int, size_bytes: int, segments: int, now_ns: int) -> Verdict:
        """Small frames and `fixed` cards: a fresh skb, and the ring buffer is used again."""
        length = COPY_BYTES if size_bytes <= COPY_BYTES else self._copied_bytes
        slots = self.fresh(segments, length, self.copy_reserve)
        if slots is not None:
            return self._deliver(number, slots)
        if self.fixed_slots:
            return self._no_memory(number, segments)
        # e1000, e1000e, virtio: no copy, then the ring's own buffer is passed up (e1000_copybreak).
        return self._from_ring(number, segments, now_ns)

    def _deliver(self, number: int, slots: list[Slot]) -> Verdict:
        """Demux, early drop, receive buffer and cap; `slots` are out of the ring."""
        if not self._may_pass(number, slots):
            self.early_drops += len(slots)
            return self._drop(slots)
        socket = self.sockets.get(number)
        if self._refused(number, socket, len(slots)):
            self._drop(slots)
            return self._buffer_full(number, len(slots))
        if socket is None:
            for slot in slots:
                release(self.allocator, slot)
            return Verdict.ACCEPT
        for slot in slots:
            self._queue(socket, slot)
        return Verdict.ACCEPT

    def _may_pass(self, number: int, slots: list[Slot]) -> bool:
        """Early drop: by the card's debt, or by the packet's own mark. A packet that has found a socket pays a debt back,
        and so does ICMP; one without a socket leaves before it is counted (DP05, 12 August; physics.md section 5)."""
        if self.debt and number != NO_SOCKET:
            self.debt = max(0, self.debt - len(slots))
            return number == BLOCK_SOCKET and self._in_debt_to_block
        if not self.allocator.marked_pages or not any(is_marked(slot, self._heads_mark) for slot in slots):
            return True
        if number == ICMP:
            return self._marked_icmp
        return self._marked_to_block if number == BLOCK_SOCKET else self._marked_to_junk

    def _refused(self, number: int, socket: Socket | None, segments: int) -> bool:
        """Is the socket's receive buffer full, or the network's memory at its cap?"""
        if socket is not None:
            if socket.held_bytes >= socket.rcvbuf_bytes:
                return True
            return self._capped and self.network.refuses(
                segments * self.true_bytes, socket.held_bytes, socket.coalesces
            )
        return self._capped and number == BLOCK_SOCKET and self.network.refuses(segments * self.true_bytes, 0)

    def _queue(self, socket: Socket, slot: Slot) -> None:
        head, data = slot
        if socket.coalesces and head is not None:
            # tcp_try_coalesce frees the head of an skb that joins its predecessor (lab: heads come back).
            self.allocator.release(head)
            slot = (None, data)
        socket.queue.append(slot)
        socket.held_bytes += self.true_bytes
        self.network.rx_bytes += self.true_bytes
        self.junk_packets += 1

    def missing(self) -> str:
        """As of Card; `mark`, when every buffer came from the reserve and so none may carry a reply to its socket."""
        found = super().missing()
        all_marked = self.marked_slots and self.marked_slots == len(self.ring) and not self.pool.free > self.floor_pages
        return "mark" if not found and all_marked and not self._marked_to_block else found

    # ---- the ways a packet is lost

    def _lost(self, number: int, segments: int, now_ns: int) -> Verdict:
        self.no_buffer_drops += segments
        self._count_block(number, segments)
        if self.arm_watchdog(now_ns):
            self.still = False
        return Verdict.DROP

    def _no_memory(self, number: int, segments: int) -> Verdict:
        self.alloc_failures += segments
        self._count_block(number, segments)
        return Verdict.DROP

    def _buffer_full(self, number: int, segments: int) -> Verdict:
        self.rcvbuf_drops += segments
        self._count_block(number, segments)
        return Verdict.DROP

    def _drop(self, slots: list[Slot]) -> Verdict:
        for slot in slots:
            release(self.allocator, slot)
        return Verdict.DROP

    def _count_block(self, number: int, segments: int) -> None:
        if number == BLOCK_SOCKET:
            self.block_drops += segments
