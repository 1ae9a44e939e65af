"""The least HTTP/1.1 that a load generator needs: any request is answered 200, connections stay open."""

from __future__ import annotations

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
_REFUSAL = b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
HEAD_BYTES_MAX = 16_384
"""Longest request head read; longer ones are refused (the common limit of servers)."""


class Exchange:
    """One connection's requests. Bodies are counted, not kept. `closed` once a refusal was answered."""

    def __init__(self) -> None:
        self.requests = 0
        self.closed = False
        self._head = b""
        self._body_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """What to answer after `data` has come, possibly nothing yet."""
        answer = b""
        while data and not self.closed:
            if self._body_bytes:
                skipped = min(self._body_bytes, len(data))
                self._body_bytes -= skipped
                data = data[skipped:]
            else:
                head, end, data = (self._head + data).partition(b"\r\n\r\n")
                self._head = b"" if end else head
                if end:
                    answer += self._begin(head)
                elif len(head) > HEAD_BYTES_MAX:
                    return answer + self._refuse(b"431 Request Header Fields Too Large")
                continue
            if not self._body_bytes:
                answer += self._served()
        return answer

    def _begin(self, head: bytes) -> bytes:
        fields = [line.partition(b":") for line in head.lower().split(b"\r\n")[1:]]
        if any(name.strip() == b"transfer-encoding" for name, _, _ in fields):
            return self._refuse(b"411 Length Required")
        length = next((value.strip() for name, _, value in fields if name.strip() == b"content-length"), b"0")
        if not length.isdigit():
            return self._refuse(b"400 Bad Request")
        self._body_bytes = int(length)
        return b"" if self._body_bytes else self._served()

    def _served(self) -> bytes:
        self.requests += 1
        return RESPONSE

    def _refuse(self, status: bytes) -> bytes:
        self.closed = True
        return _REFUSAL % status
