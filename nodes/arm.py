"""What an agent needs of an arm: start, apply, measure, stop. One arm per container."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nodes.messages import Desired, Event, Reported, Sample, Status


class Arm(Protocol):
    """A thing that can be a node. All methods run in one event loop."""

    def status(self) -> Status:
        """Whether this machine can do the arm's work at all (`unable` with the reason), and its data address."""

    async def apply(self, desired: Desired) -> Reported:
        """Makes `desired` true and answers with what was read back. Never raises for a request that cannot be met:
        `Reported.error` says so in one line."""

    def sample(self) -> Sample:
        """The present measurements."""

    async def run(self, emit: Callable[[Event], None]) -> None:
        """Works until cancelled; `emit` takes events as they happen."""

    async def close(self) -> None:
        """Gives everything back: sockets, rules, qdiscs, processes."""


def in_one_line(error: Exception) -> str:
    """`error` as `Reported.error` tells it."""
    return " ".join(str(error).split()) or type(error).__name__
