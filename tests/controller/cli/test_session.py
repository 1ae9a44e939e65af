"""The talk with a controller: what came of it, and Ctrl-C that nobody swallows."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import pytest

from controller.cli import session
from controller.cli.session import converse
from nodes.errors import LackingError


def test_what_it_came_to_is_answered_or_raised() -> None:
    async def answered() -> int:
        return 7

    async def refused() -> int:
        raise LackingError("no broker")

    assert converse(answered()) == 7
    with pytest.raises(LackingError, match="no broker"):
        converse(refused())


@pytest.mark.timeout(30)
def test_ctrl_c_is_heard_even_where_one_is_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "AGAIN_S", 0.01)
    swallowed: list[int] = []

    async def deaf() -> None:
        signal.raise_signal(signal.SIGINT)
        for number in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            swallowed.append(number)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        converse(deaf())
    assert swallowed == [0, 1]
