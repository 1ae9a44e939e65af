"""Which of the machine's sockets a packet is for: two dictionaries that the pump reads and the sinks keep."""

from __future__ import annotations

import struct

from nodes.container.acks import AckCounter
from nodes.container.classify import RST, SYN, TCP, UDP, classify
from nodes.machine.events import BLOCK_SOCKET, ICMP, NO_SOCKET, Verdict
from nodes.machine.machine import Machine

_ICMP_PROTO = 1
_ACCEPT = Verdict.ACCEPT


class Flows:
    """The demux in front of one machine. Flows open and close as their packets and sinks do.

    A TCP flow to a listening port opens with its SYN and closes with RST, or when its sink closes it: after a FIN the
    receive queue still holds what nobody has read.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._udp: dict[bytes, int] = {}
        self._tcp: dict[bytes, int] = {}
        self._listening: dict[bytes, int] = {}
        self._acks = AckCounter()
        self.filled: set[int] = set()
        """Junk sockets that a packet came for since somebody looked; whoever looks empties it."""
        self.reset: list[int] = []
        """Junk sockets whose peer sent RST since somebody looked; the machine has closed them already."""

    def judge(self, head: bytes, now_ns: int) -> bool:
        """Whether the machine accepts the packet that begins with `head`."""
        protocol, endpoints, size_bytes, segments, payload_bytes, flags, ack = classify(head)
        if protocol == UDP:
            socket = self._udp.get(endpoints[10:], NO_SOCKET)
        elif protocol == TCP:
            socket = self._tcp.get(endpoints, NO_SOCKET)
            if socket == BLOCK_SOCKET:
                return self._machine.receive(socket, size_bytes, segments, now_ns, self._acks.note(ack)) is _ACCEPT
            if flags & (SYN | RST) or not payload_bytes:
                return self._control(endpoints, size_bytes, segments, flags, now_ns)
        else:
            socket = ICMP if protocol == _ICMP_PROTO else NO_SOCKET
        accepted = self._machine.receive(socket, size_bytes, segments, now_ns) is _ACCEPT
        if socket > BLOCK_SOCKET and accepted:
            self.filled.add(socket)
        return accepted

    def set_block(self, endpoints: bytes, acks: AckCounter) -> None:
        """Packets with these endpoints are the block connection's from now on; those of the last one are strangers'."""
        self._tcp = {key: socket for key, socket in self._tcp.items() if socket != BLOCK_SOCKET}
        self._tcp[endpoints] = BLOCK_SOCKET
        self._acks = acks

    def open_udp(self, port: int, rcvbuf_bytes: int) -> int:
        """A datagram socket on `port`; answers the machine's number for it."""
        socket = self._udp[_port(port)] = self._machine.open_socket(rcvbuf_bytes)
        return socket

    def listen(self, port: int, rcvbuf_bytes: int) -> None:
        """From now on a SYN to `port` opens a machine socket."""
        self._listening[_port(port)] = rcvbuf_bytes

    def close_all(self) -> None:
        """Every junk socket is gone, with what it held, also those of connections that no sink has accepted."""
        for socket in [*self._udp.values(), *(socket for socket in self._tcp.values() if socket != BLOCK_SOCKET)]:
            self._machine.close_socket(socket)
        self._tcp = {key: socket for key, socket in self._tcp.items() if socket == BLOCK_SOCKET}
        self._udp.clear()
        self._listening.clear()
        self.filled.clear()
        self.reset.clear()

    def accepted(self, endpoints: bytes) -> int | None:
        """The machine's socket of a connection that a sink accepted; None when it was reset in the meantime."""
        return self._tcp.get(endpoints)

    def close_tcp(self, endpoints: bytes) -> int:
        """The connection is over; answers the machine's number of it, NO_SOCKET when it was over already."""
        socket = self._tcp.get(endpoints, NO_SOCKET)
        if socket > BLOCK_SOCKET:
            del self._tcp[endpoints]
            self.filled.discard(socket)
            self._machine.close_socket(socket)
        return socket

    def _control(self, endpoints: bytes, size_bytes: int, segments: int, flags: int, now_ns: int) -> bool:
        """A segment that opens, ends or acknowledges is consumed at once: it waits in no receive queue. It takes effect
        only when the machine could receive it: a reset that found no page never came."""
        if self._machine.receive(NO_SOCKET, size_bytes, segments, now_ns) is not _ACCEPT:
            return False
        if flags & (SYN | RST):
            self._turn(endpoints, flags)
        self._touch(endpoints)
        return True

    def _turn(self, endpoints: bytes, flags: int) -> None:
        if flags & RST:
            socket = self.close_tcp(endpoints)
            if socket > BLOCK_SOCKET:
                self.reset.append(socket)
        elif endpoints not in self._tcp and endpoints[10:] in self._listening:
            self._tcp[endpoints] = self._machine.open_socket(self._listening[endpoints[10:]], coalesces=True)

    def _touch(self, endpoints: bytes) -> None:
        # A FIN must wake the sink too, though it holds no memory.
        socket = self._tcp.get(endpoints, NO_SOCKET)
        if socket > BLOCK_SOCKET:
            self.filled.add(socket)


def _port(port: int) -> bytes:
    return struct.pack(">H", port)
