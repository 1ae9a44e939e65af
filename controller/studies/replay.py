"""A recorded run, run again in virtual time: is everything as it was, or, for a run of another tier, is the verdict?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TypeVar

import msgspec
from msgspec import Struct

from controller.experiment.exitcodes import EXIT_INTERRUPTED
from controller.experiment.verdict import Judgement
from controller.experiment.verdicts import VerdictName
from controller.simulated.simulate import Outcome, judged, simulate
from controller.store.recorded import Recorded
from controller.studies.trials import cycle_of, cycle_text, shape_of
from nodes.errors import InconclusiveError
from nodes.messages import Event, Sample
from nodes.units import SECOND_NS

M = TypeVar("M", Event, Sample)
BY_CONTROLLER = ("verdict",)
"""Kinds of events that the controller adds when it has judged a run: a simulation by itself has none of them."""


class Replay(Struct, frozen=True, kw_only=True):
    """What came of it."""

    run: str
    tier: str
    same: bool
    before: VerdictName
    after: VerdictName
    events: int
    """Compared, of a simulated run; else 0."""
    samples: int
    difference: str = ""
    """The first one."""


def replay(recorded: Recorded) -> Replay:
    """Simulates the run's scenario again. Raises UsageError for a run without one, InconclusiveError for one that was
    interrupted: the clock that did it cannot be turned back."""
    if recorded.result.exit_code == EXIT_INTERRUPTED:
        raise InconclusiveError(f"run {recorded.result.run} was interrupted: what it would have shown is not known")
    outcome = simulate(recorded.scenario())
    return compared(recorded, outcome)


def compared(recorded: Recorded, outcome: Outcome) -> Replay:
    """`recorded` beside `outcome`: byte for byte for a simulated run, by verdict and cycle for any other."""
    judgement = judged(outcome)
    result = recorded.result
    if result.tier == "sim":
        told = [event for event in recorded.events if event.kind not in BY_CONTROLLER]
        difference = _first(told, outcome.events) or _first(recorded.samples, outcome.samples)
        counts = len(told), len(recorded.samples)
    else:
        difference, counts = _verdicts(recorded, judgement), (0, 0)
    return Replay(
        run=result.run,
        tier=result.tier,
        same=not difference,
        before=result.verdict,
        after=judgement.verdict,
        events=counts[0],
        samples=counts[1],
        difference=difference,
    )


def _first(before: Sequence[M], after: Sequence[M]) -> str:
    """Where two records differ first."""
    pairs: Iterator[tuple[M | None, M | None]] = zip_longest(before, after)
    for index, (old, new) in enumerate(pairs, 1):
        if old == new:
            continue
        present = old if old is not None else new
        assert present is not None
        what = type(present).__name__.lower()
        where = f"{what} {index} ({present.node}, {present.t_ns / SECOND_NS:.3f} s)"
        if old is None or new is None:
            return f"{where}: only the {'replay' if old is None else 'record'} has it"
        return f"{where}: {_fields(old, new)}"
    return ""


def _fields(old: M, new: M) -> str:
    one, other = msgspec.to_builtins(old), msgspec.to_builtins(new)
    return ", ".join(f"{name} was {one[name]}, is {other[name]}" for name in one if one[name] != other[name])


def _verdicts(recorded: Recorded, judgement: Judgement) -> str:
    """How the judgements differ, initiator by initiator; they may be called otherwise in another tier, so by their place."""
    result = recorded.result
    if result.verdict != judgement.verdict:
        return f"{result.tier} says {result.verdict}, sim says {judgement.verdict}: {judgement.sentence}"
    node = next((node for node in result.nodes if node.verdict == result.verdict), None)
    old, new = shape_of(node.cycle) if node else (), cycle_of(judgement)
    if old and new and old != new:
        return f"the verdict is the same, the cycle is not: was {cycle_text(old)}; is {cycle_text(new)}"
    return ""


def describe(done: Replay) -> str:
    """The answer in one sentence."""
    if done.tier == "sim":
        if done.same:
            return f"identical: {done.events} events and {done.samples} samples, {done.after}"
        return f"different: {done.difference}"
    return f"the same verdict, {done.after}" if done.same else f"different: {done.difference}"
