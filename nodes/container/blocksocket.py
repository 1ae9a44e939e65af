"""The socket of the block connection: ours to mark and to recognise, whatever speaks on it."""

from __future__ import annotations

import contextlib
import socket

from nodes.errors import LackingError

BLOCK_MARK = 0x10
"""SO_MARK of the block socket, for filters and classes that are to know it (own)."""


def marked_socket(target: tuple[str, int]) -> socket.socket:
    """A TCP socket marked BLOCK_MARK, bound to the address from which `target` is reached (so that its port is known
    before its first packet), not blocking, not connected. Raises LackingError where it may not be marked, OSError where
    there is no way to `target`."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")  # on every host the same, if it may be
        _mark(sock)
        sock.bind((_own_address_towards(target), 0))
    except BaseException:
        sock.close()
        raise
    return sock


def _mark(sock: socket.socket) -> None:
    with contextlib.suppress(PermissionError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, BLOCK_MARK)
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_MARK) != BLOCK_MARK:
        raise LackingError("the block socket cannot be marked (SO_MARK): NET_ADMIN is needed")


def _own_address_towards(target: tuple[str, int]) -> str:
    """The address the kernel would send from; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect(target)
        return str(route.getsockname()[0])
