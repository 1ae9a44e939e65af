"""The block socket is marked, bound, and not connected yet."""

from __future__ import annotations

import socket

import pytest

from nodes.container.blocksocket import BLOCK_MARK, marked_socket


@pytest.mark.net_admin
def test_it_can_be_recognised_before_its_first_packet() -> None:
    with marked_socket(("127.0.0.1", 10_809)) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_MARK) == BLOCK_MARK
        address, port = sock.getsockname()
        assert address == "127.0.0.1" and port > 0
        assert not sock.getblocking()
        with pytest.raises(OSError, match="not connected"):
            sock.getpeername()
