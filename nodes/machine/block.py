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

    def start(self, page: int, generation: int, is_write: bool, now_ns: int, out: list[Decision]) -> bool:
        """Makes a request and sends it if there is memory to; False when bio or tag are lacking."""
        if len(self.requests) >= self.queue_depth:
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
        self.send(now_ns, out)
        return True

    def send(self, now_ns: int, out: list[Decision]) -> None:
        """Sends what waits for transmit memory, oldest first, as far as memory goes."""
        unsent = self.unsent
        while unsent and (self.relay is None or self.relay.carries(now_ns)) and self._sent(unsent[0], now_ns, out):
            unsent.popleft()

    def _sent(self, request: Request, now_ns: int, out: list[Decision]) -> bool:
        is_write = request.is_write
        if not self.local and not self._take_tx(request, is_write):
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

    def _take_tx(self, request: Request, is_write: bool) -> bool:
        network, allocator = self.network, self.allocator
        size_bytes = TX_HEAD_BYTES + PAGE_BYTES if is_write else TX_HEAD_BYTES
        if network.refuses(size_bytes, network.tx_bytes):
            return False
        floor = self.tx_floors.write if is_write else self.tx_floors.read
        head = allocator.data(TX_HEAD_BYTES, floor)
        if head is None:
            return False
        if is_write:
            request.tx_copy = allocator.data(PAGE_BYTES, floor)
            if request.tx_copy is None:
                allocator.release(head)
                return False
        request.tx_head = head
        network.tx_bytes += size_bytes
        request.tx_bytes = size_bytes
        return True

    def tx_pages_needed(self) -> int:
        """How many pages must be free before the oldest request that waits can be sent: for its head, and a write's copy."""
        is_write = self.unsent[0].is_write
        sizes = (TX_HEAD_BYTES, PAGE_BYTES) if is_write else (TX_HEAD_BYTES,)
        pages = sum(map(self.allocator.data_pages, sizes))
        return (self.tx_floors.write if is_write else self.tx_floors.read) + pages if pages else 0

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
