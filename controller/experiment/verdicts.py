"""Every verdict there is, in one table: what it is called, how bad it is, what kind of end it is, and how it looks.

What each one means, and how it is decided: docs/reference/verdicts.md.

The order from the worst down is panicked, oom, deadlocked, starved, inconclusive, slow, healthy. One rule makes it: the
worst verdict speaks for several machines, so it must hold whatever the undecided ones were. A machine that was seen to hang
did hang, whatever became of the others; so `inconclusive` stands below every end that is known to be bad. That all survived
can be said only when each was seen to; so it stands above the good ones. Among the bad ones: a starved machine comes back by
itself; a deadlocked one holds its data and may be rescued; a killed task has lost its data; a panicked machine has lost all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

VerdictName = Literal["healthy", "slow", "starved", "livelock", "deadlocked", "oom", "panicked", "inconclusive"]
"""What a run, and each of its initiators, comes to."""

Kind = Literal["survived", "hung", "died", "void"]
"""What a verdict comes down to: it went on; it stood still for want of memory; it lost a task or itself; nothing is known.
Between starved and deadlocked timing alone decides where the flood ends by itself, so both are `hung`."""

Tone = Literal["good", "fair", "bad", "unknown"]
"""The colour family of a word on a page or terminal; a CSS class of the report."""


class Look(Struct, frozen=True, kw_only=True):
    """How an end is shown: a word, a sign and a tone, so that colour never stands alone."""

    word: str
    sign: str
    tone: Tone
    meaning: str
    """One plain sentence."""


class Verdict(Look, frozen=True, kw_only=True):
    """One line of the table."""

    name: str
    rank: int
    """The higher, the worse: of several the highest speaks for all."""
    kind: Kind
    colour: str
    """Of a cell in a diagram. Green lives, amber is between, red does not live, grey says nothing; within a tone lightness
    tells them apart, also for the colour-blind."""
    ink: str
    """Of the sign on that colour."""

    @property
    def label(self) -> str:
        """Sign and word, for a legend."""
        return f"{self.sign} {self.word.lower()}"


_NOT_TRIED = "The settings cannot be run together: the reason says which."

_TABLE = (
    Verdict(
        name="healthy", rank=0, kind="survived", word="Healthy", sign="✓", tone="good", colour="#7fc8a0", ink="#0c3d22",
        meaning="It kept at least half of its warmup rate during the flood.",
    ),
    Verdict(
        name="slow", rank=1, kind="survived", word="Slow", sign="≈", tone="fair", colour="#f2d478", ink="#4d3500",
        meaning="It kept going or came back, at less than half of its warmup rate.",
    ),
    Verdict(
        name="starved", rank=3, kind="hung", word="Starved", sign="!", tone="bad", colour="#e08a3c", ink="#2b1300",
        meaning="It made no progress in the flood, and went on after the flood ended.",
    ),
    Verdict(
        name="livelock", rank=4, kind="hung", word="Livelock", sign="↻", tone="bad", colour="#c2542d", ink="#ffffff",
        meaning="Its requests went on being answered, and still it made no progress.",
    ),
    Verdict(
        name="deadlocked", rank=5, kind="hung", word="Deadlocked", sign="✕", tone="bad", colour="#a3201a", ink="#ffffff",
        meaning="It made no progress, and still none after the flood had ended and every legitimate wait had passed.",
    ),
    Verdict(
        name="oom", rank=6, kind="died", word="Out of memory", sign="O", tone="bad", colour="#7a3b8f", ink="#ffffff",
        meaning="Something was killed to get memory back.",
    ),
    Verdict(
        name="panicked", rank=7, kind="died", word="Panicked", sign="P", tone="bad", colour="#2f1c33", ink="#ffffff",
        meaning="The kernel gave up.",
    ),
    Verdict(
        name="inconclusive", rank=2, kind="void", word="Inconclusive", sign="?", tone="unknown", colour="#b9c0cc",
        ink="#2a3140", meaning="The run proves nothing: its conditions were not reached, or a part of it failed.",
    ),
    # what stands in a table of many runs where there was no run at all: in a sweep, in a matrix of
    # kernels, in the debate; nothing is milder
    Verdict(
        name="invalid", rank=-1, kind="void", word="Invalid", sign="–", tone="unknown", colour="#e6e9ee", ink="#5a6475",
        meaning=_NOT_TRIED,
    ),
    Verdict(
        name="cannot", rank=-1, kind="void", word="Cannot be tried", sign="–", tone="unknown", colour="#eef0f3",
        ink="#5a6475", meaning=_NOT_TRIED,
    ),
    Verdict(
        name="impossible", rank=-1, kind="void", word="Impossible", sign="–", tone="unknown", colour="#eef0f3",
        ink="#5a6475", meaning=_NOT_TRIED,
    ),
)  # fmt: skip

VERDICTS = {verdict.name: verdict for verdict in _TABLE}
"""By name, in the order in which a legend lists them."""
WORST_FIRST = tuple(sorted(VERDICTS, key=lambda name: -VERDICTS[name].rank))
"""All names, the worst first."""


def of_kind(*kinds: Kind) -> frozenset[str]:
    """The names of all verdicts of these kinds."""
    return frozenset(name for name, verdict in VERDICTS.items() if verdict.kind in kinds)


SURVIVED = of_kind("survived")
HUNG = of_kind("hung")
VOID = of_kind("void")
"""Whatever says nothing: such a run may be tried again."""


def worst(names: Iterable[VerdictName]) -> VerdictName:
    """The verdict that speaks for all; of nobody nothing is known: `inconclusive`."""
    return max(names, key=rank, default="inconclusive")


def rank(name: str) -> int:
    """How bad, as a key for sorting."""
    return VERDICTS[name].rank
