"""What the kernel counted on a port's TCP connections (IPv4): inet_diag over netlink, one dump in some 50 us.

(`ss -ti` tells the same but costs a process each time; a target is asked ten times a second.)
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from nodes.errors import LackingError

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_INET_DIAG_INFO = 2
_STATES = 0xFFF & ~(1 << 10) & ~(1 << 6)  # all but LISTEN and TIME_WAIT, which carry no counters
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBxI48s")  # inet_diag_req_v2, its socket id left empty
_MESSAGE_BYTES = 72
"""sizeof(struct inet_diag_msg); its socket id begins at 4: source port (big-endian) there, the cookie at 44."""
_BYTES_ACKED_AT = 120
"""offsetof(struct tcp_info, tcpi_bytes_acked)."""
_RECEIVE_BYTES = 1 << 16
_ANSWER_S = 1.0


class SockDiag:
    """A netlink socket that asks about the TCP connections on local `port`. Raises LackingError where that is impossible."""

    def __init__(self, port: int) -> None:
        self._port = port
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG)
            self._socket.settimeout(_ANSWER_S)
            self.bytes_acked()
        except OSError as error:
            raise LackingError(f"no inet_diag (CONFIG_INET_TCP_DIAG): {error.strerror}") from None

    def bytes_acked(self) -> dict[bytes, int]:
        """Bytes that the peer of each connection has acknowledged, by the connection's cookie. Raises OSError."""
        acked: dict[bytes, int] = {}
        for message in self._dump():
            if struct.unpack_from(">H", message, 4)[0] == self._port:
                acked[message[44:52]] = _bytes_acked(message)
        return acked

    def close(self) -> None:
        """Gives the netlink socket back."""
        self._socket.close()

    def _dump(self) -> Iterator[bytes]:
        body = _REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 1 << (_INET_DIAG_INFO - 1), _STATES, b"")
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 0, 0) + body)
        while True:
            for kind, message in _split(self._socket.recv(_RECEIVE_BYTES)):
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    number = -struct.unpack_from("=i", message)[0]
                    raise OSError(number, "the kernel refuses the dump")
                yield message


def _split(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        yield kind, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _bytes_acked(message: bytes) -> int:
    at = _MESSAGE_BYTES
    while at + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, at)
        if kind == _INET_DIAG_INFO:
            return int(struct.unpack_from("=Q", message, at + 4 + _BYTES_ACKED_AT)[0])
        at += (length + 3) & ~3
    return 0
