"""The block initiator: bios, tags, transmit copies held until acknowledged, requests in flight.

A request needs, in this order: a bio (above min, else one of two spares, else it waits), a tag, and memory to send it (a
head, and for a write a copy of the page), which the peer's acknowledgement frees (physics.md section 1, steps 3-5).
"""

from __future__ import annotations

from collections import deque

from nodes.config import Sender
from nodes.machine.allocators.base import Block, PacketAllocator
from nodes.machine.allocators.slab import SlabAllocator
from nodes.machine.events import WRITE_HEADER_BYTES, Decision, ReadIn, WriteOut
from nodes.machine.network_memory import NetworkMemory
from nodes.machine.pages import PagePool
from nodes.machine.policies.base import Policy
from nodes.machine.relay import Relay
from nodes.machine.retransmit import RetransmitTimer
from nodes.machine.senders import TxFloors
from nodes.units import PAGE_BYTES

BIO_POOL_SIZE = 2
"""Spare elements of fs_bio_set, for the whole machine (block/bio.c; physics.md section 2)."""
TX_HEAD_BYTES = 1024
"""An fclone head with its linear part (physics.md section 1, step 5)."""


class Request:
    """A block request from bio to completion."""

    __slots__ = ("bio", "end_bytes", "generation", "is_write", "number", "page", "tx_bytes", "tx_copy", "tx_head")

    def __init__(self, number: int, page: int, generation: int, is_write: bool, bio: Block | None) -> None:
        self.number, self.page, self.generation, self.is_write = number, page, generation, is_write
        self.bio = bio
        """None: one of the spares."""
        self.tx_head: Block | None = None
        """While it is sent and not acknowledged; so is, for a write, the copy of its page."""
        self.tx_copy: Block | None = None
        self.tx_bytes = 0
        """What both count for under the network's cap."""
        self.end_bytes = 0
        """Position in the block stream after this request; 0 while it has not been sent."""


class BlockInitiator:
    """Requests of one machine. `start` answers False with `blocked_on` set when a request cannot be made now."""

    def __init__(
        self, pool: PagePool, allocator: PacketAllocator, network: NetworkMemory, queue_depth: int, relay: Relay | None
    ) -> None:
        self.pool, self.allocator, self.queue_depth = pool, allocator, queue_depth
        self.relay = relay
        """The process that requests pass through; None: they do not leave the kernel."""
        self.network = network
        self.kernel = SlabAllocator(pool)
        """Where bios come from: the kernel's own slab, whatever allocator packets use."""
        self.spare_bios = BIO_POOL_SIZE
        self.requests: dict[int, Request] = {}
        """In order of submission."""
        self.unsent: deque[Request] = deque()
        """They have bio and tag, and wait for transmit memory (sk_stream_wait_memory)."""
        self.unacked: deque[Request] = deque()
        self.sent_bytes = 0
        self.writes = 0
        """Write requests among `requests`: pages under writeback."""
        self.answered = 0
        """Requests that are over: each gives its bio and its tag back."""
        self.timer = RetransmitTimer()
        self.blocked_on = ""
        """`bio`, `tag` or empty: why the last `start` failed."""
        self._next = 0
        self.local = False
        """Swap goes to a local disk: nothing is sent, nothing acknowledged."""
        self.tx_floors = TxFloors(0, 0)
        self.held_to_min = False
        """Some of what the kernel's sender needs it gets above min alone."""
        self.contested = False
        """Freed pages are being handed out, and the sender waits for its turn (`contest`)."""

    @property
    def sent(self) -> int:
        """Requests that travel to the target or back; 0 with a local disk, whose answers need no packet."""
        return 0 if self.local else len(self.requests) - len(self.unsent)

    @property
    def at_home(self) -> bool:
        """The target is a process of this machine: answers need no packet, and a request is held until it is answered."""
        return self.relay is not None and self.relay.at_home

    def set_rights(self, policy: Policy, sender: Sender) -> None:
        """Takes over what `sender` may, and whether the policy's disk is local. Due again when the watermarks change."""
        self.local = policy.local_disk
        # A process has no more rights than a thread without PF_MEMALLOC.
        self.tx_floors = TxFloors.of("noio" if self.relay is not None else sender, self.pool.marks)
        self.held_to_min = max(self.tx_floors) > 0 and self.relay is None and not self.local

    def start(self, page: int, generation: int, is_write: bool, now_ns: int, out: list[Decision]) -> bool:
        """Makes a request and sends it if there is memory to; False when bio or tag are lacking."""
        if not self.has_tag():
            self.blocked_on = "tag"
            return False
        bio = self.kernel.head(self.pool.marks.kernel_floor)
        if bio is None:
            if not self.spare_bios:
                self.blocked_on = "bio"
                return False
            self.spare_bios -= 1
        self.blocked_on = ""
        request = Request(self._next, page, generation, is_write, bio)
        self._next += 1
        self.requests[request.number] = request
        if is_write:
            self.writes += 1
        self.unsent.append(request)
        if not self.contested:
            self.send(now_ns, out)
        return True

    def send(self, now_ns: int, out: list[Decision]) -> None:
        """Sends what waits for transmit memory, oldest first, as far as memory goes."""
        unsent = self.unsent
        while unsent and (self.relay is None or self.relay.carries(now_ns)) and self._sent(unsent[0], now_ns, out):
            unsent.popleft()

    def has_tag(self) -> bool:
        """Is there one for a further request?"""
        return len(self.requests) < self.queue_depth

    def wants_memory(self) -> bool:
        """Does a request wait for memory to be sent with, which it may have?"""
        return bool(self.unsent) and not self._over_cap(self.unsent[0])

    def _floor(self, request: Request) -> int:
        return self.tx_floors.write if request.is_write else self.tx_floors.read

    def stops_at_min(self) -> bool:
        """Has the sender no more right to memory for the oldest request that waits than a task has?"""
        return self._floor(self.unsent[0]) >= self.pool.marks.kernel_floor

    def send_piece(self, now_ns: int, out: list[Decision]) -> None:
        """One allocation for the oldest request that waits; it goes out when that was the last."""
        request = self.unsent[0]
        if self._take_piece(request) and not self._lacks(request):
            self._sent(request, now_ns, out)
            self.unsent.popleft()

    def _sent(self, request: Request, now_ns: int, out: list[Decision]) -> bool:
        is_write = request.is_write
        if not self.local:
            while self._lacks(request):
                if self._over_cap(request) or not self._take_piece(request):
                    return False
        if not self.local and not self.at_home:
            self.sent_bytes += WRITE_HEADER_BYTES + PAGE_BYTES if is_write else WRITE_HEADER_BYTES
            request.end_bytes = self.sent_bytes
            self.unacked.append(request)
            self.timer.on_sent(now_ns)
        if is_write:
            out.append(WriteOut(request.number, request.page, request.generation))
        else:
            out.append(ReadIn(request.number, request.page, request.generation))
        return True

    def _lacks(self, request: Request) -> int:
        """Bytes that must be allocated before it can be sent: a head and, for a write, a copy of its page. tcp_sendmsg keeps
        the one while it waits for the other (net/ipv4/tcp.c)."""
        if request.is_write and request.tx_copy is None:
            return PAGE_BYTES if request.tx_head is not None else TX_HEAD_BYTES + PAGE_BYTES
        return 0 if request.tx_head is not None else TX_HEAD_BYTES

    def _over_cap(self, request: Request) -> bool:
        """Is what it lacks too much for the network's memory? What it has of it is not in its own way."""
        return self.network.refuses(self._lacks(request), self.network.tx_bytes - request.tx_bytes)

    def lacks_bytes(self) -> int:
        """What the oldest request that waits lacks."""
        return self._lacks(self.unsent[0])

    def over_cap_bytes(self) -> int:
        """What the oldest request that waits lacks and may not have, for the network's memory is at its cap; 0: it may."""
        request = self.unsent[0]
        return self._lacks(request) if self._over_cap(request) else 0

    def _take_piece(self, request: Request) -> bool:
        size_bytes = TX_HEAD_BYTES if request.tx_head is None else PAGE_BYTES
        piece = self.allocator.data(size_bytes, self._floor(request))
        if piece is None:
            return False
        if request.tx_head is None:
            request.tx_head = piece
        else:
            request.tx_copy = piece
        request.tx_bytes += size_bytes
        self.network.tx_bytes += size_bytes
        return True

    def tx_pages_needed(self) -> int:
        """How many pages must be free before the oldest request that waits can be sent: for its head, and a write's copy."""
        request = self.unsent[0]
        sizes = [] if request.tx_head is not None else [TX_HEAD_BYTES]
        if request.is_write and request.tx_copy is None:
            sizes.append(PAGE_BYTES)
        pages = sum(map(self.allocator.data_pages, sizes))
        return self._floor(request) + pages if pages else 0

    def _drop_tx(self, request: Request) -> None:
        if request.tx_head is None:
            return
        self.allocator.release(request.tx_head)
        request.tx_head = None
        if request.tx_copy is not None:
            self.allocator.release(request.tx_copy)
            request.tx_copy = None
        self.network.tx_bytes -= request.tx_bytes
        request.tx_bytes = 0

    def acked(self, acked_bytes: int, now_ns: int) -> None:
        """The peer has all bytes of the stream up to `acked_bytes`: their copies are freed."""
        unacked = self.unacked
        if not unacked or unacked[0].end_bytes > acked_bytes:
            return
        while unacked and unacked[0].end_bytes <= acked_bytes:
            self._drop_tx(unacked.popleft())
        self.timer.on_progress(now_ns, bool(unacked))

    def complete(self, number: int, now_ns: int) -> Request | None:
        """A reply came: the request is over, its bio and what is left of its transmit memory are free. None for a number
        that is not in flight (a reply that raced a reconnect)."""
        request = self.requests.pop(number, None)
        if request is None:
            return None
        self.answered += 1
        # A reply acknowledges its request, and with it all bytes before.
        self.acked(request.end_bytes, now_ns)
        self._drop_tx(request)
        if request.bio is None:
            self.spare_bios += 1
        else:
            self.kernel.release(request.bio)
        if request.is_write:
            self.writes -= 1
            if self.relay is not None:
                self.relay.on_written(now_ns)
        return request

    def send_again(self, now_ns: int, out: list[Decision]) -> None:
        """A new connection: byte counts start at 0 and everything in flight goes out again."""
        for request in self.requests.values():
            self._drop_tx(request)
            request.end_bytes = 0
        self.unacked.clear()
        self.unsent = deque(self.requests.values())
        self.sent_bytes = 0
        self.timer = RetransmitTimer()
        self.send(now_ns, out)
