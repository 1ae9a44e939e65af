"""The HTTP sink's protocol, whole and in pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.container.http import HEAD_BYTES_MAX, RESPONSE, Exchange

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\ncontent-length: 26\r\n\r\n" + b"z" * 26
REQUESTS = GET + POST + GET


@given(st.lists(st.integers(1, len(REQUESTS) - 1), max_size=20))
def test_requests_are_answered_however_they_are_cut(cuts: list[int]) -> None:
    exchange, edges = Exchange(), [0, *sorted(set(cuts)), len(REQUESTS)]
    answers = b"".join(exchange.feed(REQUESTS[a:b]) for a, b in pairwise(edges))
    assert answers == RESPONSE * 3
    assert exchange.requests == 3 and not exchange.closed


def test_an_answer_waits_for_the_whole_body() -> None:
    exchange = Exchange()
    assert exchange.feed(POST[:-1]) == b""
    assert exchange.feed(POST[-1:]) == RESPONSE


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * HEAD_BYTES_MAX, b"431"),
    ],
)
def test_what_it_cannot_do_is_refused_and_the_connection_over(request_bytes: bytes, status: bytes) -> None:
    exchange = Exchange()
    assert exchange.feed(request_bytes).split()[1] == status
    assert exchange.closed
    assert exchange.feed(GET) == b""
