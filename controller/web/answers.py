"""Answers of the page's server: records as JSON, and every error as one sentence, never a traceback."""

from __future__ import annotations

import sys
import traceback
from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from nodes.errors import InconclusiveError, LackingError, NetreserveError, UsageError

T = TypeVar("T")
JSON = "application/json"
BODY_BYTES_MAX = 1 << 20
"""Of a request that is not a file (own: a scenario has 256 KiB at most)."""


class NoSuchError(UsageError):
    """What was named is not there: 404."""


class UnsuitableError(UsageError):
    """What was named is there, and is not of a kind that can be so treated: 422."""


class TooLargeError(UsageError):
    """More than is taken: 413."""


STATUS: tuple[tuple[type[NetreserveError], int], ...] = (
    (NoSuchError, 404),
    (TooLargeError, 413),
    (UnsuitableError, 422),
    (UsageError, 400),
    (InconclusiveError, 409),
    (LackingError, 503),
)
"""Kinds of errors and their status, the first that fits; all others are ours: 500."""
TOLD = {
    404: "there is nothing at this address: /openapi.json says what there is",
    405: "this address takes other methods",
}


def answer(value: object, status: int = 200) -> Response:
    """`value` as JSON."""
    return Response(msgspec.json.encode(value), status, media_type=JSON)


def refusal(status: int, sentence: str) -> Response:
    """`{"error": sentence}`."""
    return answer({"error": sentence}, status)


def failed(request: Request, error: Exception) -> Response:
    """For what a function of the server raised. What nobody foresaw is told in our log, with where."""
    if isinstance(error, HTTPException):
        return refusal(error.status_code, TOLD.get(error.status_code, str(error.detail)))
    if isinstance(error, NetreserveError):
        return refusal(next((status for kind, status in STATUS if isinstance(error, kind)), 500), str(error))
    traceback.print_exception(error, file=sys.stderr)
    return refusal(500, f"netreserve failed: {type(error).__name__} (its log says where)")


async def told(request: Request, kind: type[T]) -> T:
    """The request's body as a record. Raises UsageError, TooLargeError for one of more than BODY_BYTES_MAX."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise TooLargeError(
                f"the request's body has more than {BODY_BYTES_MAX >> 20} MiB: nothing here takes so much"
            )
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the request's body is not what {request.url.path} takes: {error}") from None
