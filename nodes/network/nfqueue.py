"""NFQUEUE over a raw netlink socket: the kernel hands over packets and waits for each one's verdict.

The message layout is that of include/uapi/linux/netfilter/nfnetlink_queue.h. Fail-open is off: a packet that finds
the queue full is dropped and counted (`Queue.dropped`), never let past the judge.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from nodes.errors import HarnessError, LackingError

COUNTERS = Path("/proc/net/netfilter/nfnetlink_queue")
PROBE_NUMBER = 65_535
"""Queue that `probe` opens: the last one, which nobody else is likely to use (own)."""
RCVBUF_BYTES = 16 << 20
"""Room for 8192 waiting messages of about 1 KiB of kernel memory each, doubled (own)."""

QUEUE_PACKETS = 8192
"""Packets that may wait for a verdict: 0.4 s of a flood of 20 kpps, longer than a busy computer holds a process up (own)."""

_NETLINK_NETFILTER, _SOL_NETLINK, _NO_ENOBUFS, _SO_RCVBUFFORCE = 12, 270, 5, 33
_PACKET, _VERDICT, _CONFIG, _VERDICT_BATCH = 0x300, 0x301, 0x302, 0x303
_NLMSG_ERROR, _REQUEST, _ACK = 2, 1, 4
_CFG_CMD, _CFG_PARAMS, _CFG_MAXLEN, _CFG_MASK, _CFG_FLAGS = 1, 2, 3, 4, 5
_BIND, _UNBIND, _COPY_PACKET, _FAIL_OPEN, _GSO = 1, 2, 2, 1, 4
_VERDICT_HDR, _PAYLOAD = 2, 10

_HEADER_BYTES = 20
"""nlmsghdr and nfgenmsg."""
_ID_AT = 24
"""The kernel writes NFQA_PACKET_HDR first, and the id first in it."""
_NEXT_AT = 32

_attribute = struct.Struct("=HH").unpack_from
_u32 = struct.Struct(">I").unpack_from
_u16 = struct.Struct(">H").unpack_from
_write_u32 = struct.Struct(">I").pack_into


class Packet(NamedTuple):
    """A packet that waits for its verdict."""

    id: int
    """Grows by one with each packet of the queue."""
    head: bytes
    """Its first bytes, from the IP header on."""
    size_bytes: int
    """Its real length, from the IP header (GSO: of the whole burst)."""


_packet = partial(tuple.__new__, Packet)
"""Packet(...) without the keyword handling of its constructor."""


class Queue:
    """One NFQUEUE, bound to this process until `close`.

    `number` is 0 to 65535; `copy_bytes` of each packet are handed over; `length` packets may wait. With `gso`, a burst
    that the kernel has not cut up yet comes as one packet of up to 64 KiB. Raises LackingError when the kernel has no
    NFQUEUE, the process no NET_ADMIN, or the number is taken.
    """

    def __init__(self, number: int, copy_bytes: int = 128, length: int = QUEUE_PACKETS, gso: bool = True) -> None:
        assert 0 <= number <= PROBE_NUMBER and copy_bytes >= 20 and length > 0
        self.number = number
        self._socket = _open_socket()
        try:
            self._configure(copy_bytes, length, gso)
            self._check(copy_bytes)
        except BaseException:
            self._socket.close()
            raise
        self._buffer = bytearray(4096 + copy_bytes)
        self._view = memoryview(self._buffer)
        # Where the last message's payload began: nearly always also the next one's, and checking is cheaper than walking.
        self._payload_at = _NEXT_AT + 4
        self._messages = tuple(_verdict_message(_VERDICT, number, accept) for accept in (False, True))
        self._batches = tuple(_verdict_message(_VERDICT_BATCH, number, accept) for accept in (False, True))

    def fileno(self) -> int:
        """For an event loop: readable when packets wait. Never blocks."""
        return self._socket.fileno()

    def receive(self, limit: int = 64) -> list[Packet]:
        """Up to `limit` waiting packets, oldest first; empty when none waits."""
        buffer, view, receive = self._buffer, self._view, self._socket.recv_into
        packets: list[Packet] = []
        for _ in range(limit):
            try:
                size = receive(buffer)
            except BlockingIOError:
                break
            if _attribute(buffer, 4)[0] != _PACKET:
                _check_error(buffer)
                continue
            start = self._payload_at
            length, kind = _attribute(buffer, start - 4)
            end = start - 4 + length
            if kind != _PAYLOAD or (end + 3) & ~3 != size:
                start, end = _payload(buffer, size)
                self._payload_at = start
            packets.append(_packet((_u32(buffer, _ID_AT)[0], bytes(view[start:end]), _u16(buffer, start + 2)[0])))
        return packets

    def verdict(self, packet_id: int, accept: bool) -> None:
        """Lets one packet pass, or drops it."""
        message = self._messages[accept]
        _write_u32(message, 28, packet_id)
        self._socket.send(message)

    def batch(self, packet_id: int, accept: bool) -> None:
        """One verdict for every waiting packet up to and including `packet_id`: nothing older may be held elsewhere."""
        message = self._batches[accept]
        _write_u32(message, 28, packet_id)
        self._socket.send(message)

    def settle(self, decisions: Iterable[tuple[int, bool]]) -> None:
        """Carries out `(id, accept)` decisions that cover every waiting packet up to their last id, in order of id:
        one message per run of equal verdicts. Nothing older may be held elsewhere."""
        last: tuple[int, bool] | None = None
        for decision in decisions:
            if last is not None and decision[1] != last[1]:
                self.batch(*last)
            last = decision
        if last is not None:
            self.batch(*last)

    def dropped(self) -> int:
        """Packets lost since the queue was opened because it, or this process's buffer, was full. Raises HarnessError
        when the kernel no longer knows the queue."""
        row = _row(self.number)
        if row is None:
            raise HarnessError(f"NFQUEUE {self.number} is gone from {COUNTERS}: its packets are no longer judged")
        return row.queue_dropped + row.user_dropped

    def close(self) -> None:
        """Gives the queue up; packets that wait are dropped."""
        self._socket.close()

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _configure(self, copy_bytes: int, length: int, gso: bool) -> None:
        # One message, so that no packet meets a half-configured queue; the mask covers fail-open to switch it off.
        bind = _attribute_bytes(_CFG_CMD, struct.pack(">BxH", _BIND, 0))
        params = _attribute_bytes(_CFG_PARAMS, struct.pack(">IB", copy_bytes, _COPY_PACKET))
        maxlen = _attribute_bytes(_CFG_MAXLEN, struct.pack(">I", length))
        mask = _attribute_bytes(_CFG_MASK, struct.pack(">I", _FAIL_OPEN | _GSO))
        flags = _attribute_bytes(_CFG_FLAGS, struct.pack(">I", _GSO if gso else 0))
        self._socket.send(_message(_CONFIG, _REQUEST | _ACK, self.number, bind + params + maxlen + mask + flags))
        number = -struct.unpack_from("=i", self._socket.recv(8192), 16)[0]
        if number:
            raise LackingError(_explain(number, self.number))
        self._socket.setblocking(False)

    def _check(self, copy_bytes: int) -> None:
        # Flags cannot be read back: the kernel acknowledged them. What it shows is compared.
        row = _row(self.number)
        if row is None or (row.copy_mode, row.copy_range) != (_COPY_PACKET, copy_bytes):
            raise LackingError(
                f"the kernel accepted NFQUEUE {self.number} but {COUNTERS} does not show it as set: {row}"
            )


class _Row(NamedTuple):
    """A line of /proc/net/netfilter/nfnetlink_queue (net/netfilter/nfnetlink_queue.c, seq_show)."""

    number: int
    port_id: int
    waiting: int
    copy_mode: int
    copy_range: int
    queue_dropped: int
    user_dropped: int


def probe() -> None:
    """Whether NFQUEUE works here at all: opens one and closes it. Raises LackingError with the reason."""
    with closing(Queue(PROBE_NUMBER)):
        pass


def _open_socket() -> socket.socket:
    try:
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    except OSError as error:
        raise LackingError(_explain(error.errno or 0, None)) from error
    sock.bind((0, 0))
    # A full buffer is counted by the kernel (user_dropped): it must not also fail a receive.
    sock.setsockopt(_SOL_NETLINK, _NO_ENOBUFS, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RCVBUF_BYTES)
    except PermissionError:  # in a user namespace of its own; what then overflows shows in `dropped`
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF_BYTES)
    sock.settimeout(2)  # the kernel answers at once; a socket that never answers must not hang the caller
    return sock


def _explain(number: int, queue: int | None) -> str:
    if number == errno.EBUSY or (number == errno.EPERM and queue is not None and _taken(queue)):
        return f"NFQUEUE {queue} is already bound by another process: stop it or choose another number"
    if number in (errno.EPERM, errno.EACCES):
        return "NFQUEUE is not permitted: this process needs the capability NET_ADMIN (compose: cap_add: [NET_ADMIN])"
    return (
        f"this kernel offers no NFQUEUE ({os.strerror(number)}): it needs CONFIG_NETFILTER_NETLINK_QUEUE "
        "(module nfnetlink_queue)"
    )


def _taken(number: int) -> bool:
    row = _row(number)
    return row is not None and row.port_id != 0


def _row(number: int) -> _Row | None:
    try:
        lines = COUNTERS.read_text().splitlines()
    except FileNotFoundError:
        return None
    rows = (_Row(*map(int, line.split()[:7])) for line in lines)
    return next((row for row in rows if row.number == number), None)


def _message(kind: int, flags: int, number: int, attributes: bytes) -> bytes:
    header = struct.pack("=IHHII", _HEADER_BYTES + len(attributes), kind, flags, 0, 0)
    return header + struct.pack(">BBH", socket.AF_UNSPEC, 0, number) + attributes


def _attribute_bytes(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _verdict_message(kind: int, number: int, accept: bool) -> bytearray:
    return bytearray(_message(kind, _REQUEST, number, _attribute_bytes(_VERDICT_HDR, struct.pack(">II", accept, 0))))


def _payload(buffer: bytearray, size: int) -> tuple[int, int]:
    at = _NEXT_AT
    while at < size:
        length, kind = _attribute(buffer, at)
        if kind == _PAYLOAD:
            return at + 4, at + length
        at += (length + 3) & ~3
    raise HarnessError("NFQUEUE handed over a packet without its bytes: the queue is not in packet-copy mode")


def _check_error(buffer: bytearray) -> None:
    # ENOENT: a verdict came for a packet that is gone, for example because its interface went away.
    number = -struct.unpack_from("=i", buffer, 16)[0] if _attribute(buffer, 4)[0] == _NLMSG_ERROR else 0
    if number not in (0, errno.ENOENT):
        raise HarnessError(f"NFQUEUE refused a message: {os.strerror(number)}")
