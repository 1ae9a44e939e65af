"""What the rules ask for, and what they answer."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from nodes.frozen.advice import Kind
from nodes.frozen.events import Said
from nodes.frozen.examine import Case
from nodes.frozen.functions import RECLAIM
from nodes.frozen.locks import Blocker
from nodes.frozen.shapes import has
from nodes.frozen.tasks import Blocked
from nodes.machine.waits import KSWAPD

Sure = Literal["seen", "assumed", "open"]
"""`seen`: all of it stands in the log; `assumed`: with what `assumed` says; `open`: the log does not tell the cause."""


class Answer(Struct, frozen=True, kw_only=True):
    """What a boot's log comes to."""

    kind: Kind
    sentence: str
    sure: Sure = "seen"
    assumed: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    """What else was found and does not decide; what is history says so."""
    lines: tuple[int, ...] = ()
    """Which lines of the log show it, from 0."""


class Seen(Struct, frozen=True):
    """All that the rules may ask for."""

    case: Case
    said: tuple[Said, ...]
    """What counts for the moment ..."""
    before: tuple[Said, ...]
    """... and what was long before it."""
    held: tuple[Blocker, ...]

    def sayings(self, *kinds: str) -> list[Said]:
        """Those of these kinds that count, the last first."""
        return [one for one in reversed(self.said) if one.kind in kinds]

    def waiting(self, *providers: str) -> list[Blocked]:
        """The blocked tasks that wait for one of these, kswapd first, then those in reclaim."""
        found = [task for task in self.case.tasks if task.provider in providers]
        return sorted(found, key=lambda task: (task.who != KSWAPD, not has(task.stack, *RECLAIM)))
