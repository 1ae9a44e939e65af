from __future__ import annotations

import socket

from brokers import until

from nodes.target.sockdiag import SockDiag


async def test_acknowledged_bytes_of_the_ports_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as elsewhere:
        diag = SockDiag(listener.getsockname()[1])
        assert diag.bytes_acked() == {}
        clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
        stranger = socket.create_connection(elsewhere.getsockname())
        servers = [listener.accept()[0] for _ in clients]
        for number, server in enumerate(servers):
            server.sendall(b"x" * 1000 * number)
        await until(lambda: sorted(diag.bytes_acked().values()) == [0, 1000, 2000])
        for sock in (*clients, *servers, stranger):
            sock.close()
        await until(lambda: diag.bytes_acked() == {})
        diag.close()
