"""The trivial epoll web server: which packets a request needs, on which CPU they are made, touched and freed.

Interrupts and softirq run on CPU 0; the server is one process, on another CPU where there is one: the worst case for
frees on another CPU, and so the best for the claim. Many connections are open at once (the client sent bursts of 3000: lkml,
Evgeniy Polyakov, 28 July 2006, of the same figure of 1600-1800 requests/s); each step is done for all of them before the
next.
Sizes are those of Linux 2.6.17 on x86-64: a receive buffer of e1000 at MTU 1500 is 1540 B and rounded to lines, unless the
card's own sizes of 2 or 4 KiB are taken; a header alone needs 192 B (MAX_TCP_HEADER), a full segment 1448 B more, and every
data area ends in skb_shared_info (320 B).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from controller.studies.epoll2006.caches import LINE_BYTES, Caches
from controller.studies.epoll2006.kmalloc import Kmalloc
from controller.studies.epoll2006.memory import CONNECTIONS, Area, Memory
from nodes.machine.allocators.slab import HEAD_BYTES

SHARED_INFO_BYTES = 320
RX_BYTES = 1600 + SHARED_INFO_BYTES
"""Of the driver: what MTU 1500 needs."""
RX_BYTES_MOST = 4096
"""Of one whose data area is a page."""
HEADER_BYTES = 192
SEGMENT_BYTES = 1448
FRAME_HEADERS_BYTES = 2 * LINE_BYTES
"""Ethernet, IP and TCP headers, 66 B."""
GET_BYTES = 300
"""A request of httperf with its header fields (own)."""
RING_SLOTS = 256
CONNECTION_BYTES = 2560
"""tcp_sock, its inode and file (own sum)."""
STATE_BYTES = 512
"""Of these, used in one step (own)."""
SOFTIRQ = 0


BOUNDS = {
    "cpus": (1, 2),
    "in_flight": (1, 4096),
    "response_bytes": (1, 1 << 20),
    "receive_bytes": (RX_BYTES, RX_BYTES_MOST),
    "debug_slab": (0, 1),
    "requests": (1, 1 << 20),
}


@dataclass(frozen=True)
class Load:
    """What is served: own choices, over which the result is varied. Raises ValueError."""

    cpus: int = 2
    """More than two change nothing: one has the interrupts, one the server."""
    in_flight: int = 64
    """Connections that are open at once."""
    response_bytes: int = 4096
    receive_bytes: int = RX_BYTES
    """A receive buffer's whole data area."""
    debug_slab: int = 0
    """1: a kernel with CONFIG_DEBUG_SLAB."""
    cache_bytes: int = 1 << 20
    """Of each CPU: that of the Opteron 844, whose costs of a bounce and a lock are used."""
    requests: int = 128
    """Counted, after four times as many that fill caches, arrays and lists; rounded up to whole batches."""

    def __post_init__(self) -> None:
        for name, (least, most) in BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}: {least} to {most} is needed")


@dataclass(slots=True)
class Packet:
    """An sk_buff with its data."""

    head: Area
    data: Area
    data_bytes: int
    """As asked for: skb_shared_info stands at the end of it."""


class Server:
    """Serves batches of connections from `memory`; heads come from kmalloc's own cache whatever the data's allocator."""

    def __init__(self, load: Load, caches: Caches, heads: Kmalloc, memory: Memory) -> None:
        self.load, self.caches, self.heads, self.memory = load, caches, heads, memory
        self.process = load.cpus - 1 if load.cpus > 1 else SOFTIRQ
        self.ring = deque(self._packet(load.receive_bytes, SOFTIRQ) for _ in range(RING_SLOTS))
        self._segments = -(-load.response_bytes // SEGMENT_BYTES)

    def serve(self) -> None:
        """One batch of `in_flight` requests, each from its SYN to the last ACK."""
        connections = range(self.load.in_flight)
        for number in connections:
            self._answer(number)
        for number in connections:
            self._drop(self._receive(number), SOFTIRQ)  # the ACK of the handshake
        requests = [self._receive(number, GET_BYTES) for number in connections]
        unacknowledged = [self._respond(number, request) for number, request in enumerate(requests)]
        for number, packets in enumerate(unacknowledged):
            for first in range(0, len(packets), 2):  # delayed ACKs: one for two segments
                self._drop(self._receive(number), SOFTIRQ)
                for packet in packets[first : first + 2]:
                    self._drop(packet, SOFTIRQ)
        for number in connections:
            self._answer(number)  # the client's FIN, and its ACK

    def _answer(self, number: int) -> None:
        """A packet from the client that the softirq answers with one of its own, gone when it is sent."""
        got = self._receive(number)
        reply = self._send(number, SOFTIRQ, 0)
        self._drop(got, SOFTIRQ)
        self._drop(reply, SOFTIRQ)

    def _respond(self, number: int, request: Packet) -> list[Packet]:
        """The process reads the request, writes the response, and closes; what it sent stays until it is acknowledged."""
        self._state(number, self.process)
        self.caches.read(self.process, request.data.at + FRAME_HEADERS_BYTES, GET_BYTES)
        self._drop(request, self.process)
        left, sent = self.load.response_bytes, []
        for _ in range(self._segments):
            sent.append(self._send(number, self.process, min(left, SEGMENT_BYTES)))
            left -= SEGMENT_BYTES
        return [*sent, self._send(number, self.process, 0)]

    def _receive(self, number: int, payload_bytes: int = 0) -> Packet:
        """The card writes into its oldest buffer; the softirq replaces that and reads the headers."""
        packet = self.ring.popleft()
        self.caches.dma(packet.data.at, FRAME_HEADERS_BYTES + payload_bytes)
        self.ring.append(self._packet(self.load.receive_bytes, SOFTIRQ))
        self.caches.purpose = "packet"
        self.caches.read(SOFTIRQ, packet.data.at, FRAME_HEADERS_BYTES)
        self.caches.write(SOFTIRQ, packet.head.at, HEAD_BYTES)
        self._state(number, SOFTIRQ)
        return packet

    def _send(self, number: int, cpu: int, payload_bytes: int) -> Packet:
        packet = self._packet(HEADER_BYTES + payload_bytes + SHARED_INFO_BYTES, cpu)
        self.caches.write(cpu, packet.data.at, HEADER_BYTES + payload_bytes)
        self._state(number, cpu)
        return packet

    def _packet(self, data_bytes: int, cpu: int) -> Packet:
        """Allocates both parts; __alloc_skb clears the head and starts skb_shared_info."""
        packet = Packet(self.heads.take(HEAD_BYTES, cpu), self.memory.take(data_bytes, cpu), data_bytes)
        self.caches.purpose = "packet"
        self.caches.write(cpu, packet.head.at, HEAD_BYTES)
        self.caches.write(cpu, packet.data.at + data_bytes - SHARED_INFO_BYTES)
        return packet

    def _drop(self, packet: Packet, cpu: int) -> None:
        """kfree_skb: reads the head and skb_shared_info, then frees data and head."""
        self.caches.purpose = "packet"
        self.caches.write(cpu, packet.head.at, LINE_BYTES)
        self.caches.write(cpu, packet.data.at + packet.data_bytes - SHARED_INFO_BYTES)
        self.memory.give(packet.data, cpu)
        self.heads.give(packet.head, cpu)

    def _state(self, number: int, cpu: int) -> None:
        """A step of the connection reads and writes its state."""
        self.caches.purpose = "connection"
        self.caches.write(cpu, CONNECTIONS + number * CONNECTION_BYTES, STATE_BYTES)
