"""Many short runs in virtual time: what each came down to, made on as many cores as there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from types import TracebackType
from typing import TypeVar

from msgspec import Struct

from controller.experiment.verdicts import SURVIVED, VerdictName
from controller.interrupts import leave_interrupts
from controller.record import CycleEdge, NodeVerdict
from controller.scenario import Scenario
from controller.simulate import Outcome, judged, simulate
from controller.verdict import Judgement
from nodes.errors import HarnessError, UsageError

T = TypeVar("T")
R = TypeVar("R")
Cycle = tuple[tuple[str, str], ...]
"""Waiter and resource of each edge of a wait-for cycle, beginning with the first waiter in the alphabet."""


class Trial(Struct, frozen=True, kw_only=True):
    """One simulated run and what it came down to."""

    seed: int
    verdict: VerdictName
    cycle: Cycle = ()
    """Of the first initiator with that verdict."""
    sentence: str = ""
    peaks: dict[str, int] = {}
    """The most of each gauge in any sample of an initiator, by the field's name in `nodes.messages.Sample`."""

    @property
    def survived(self) -> bool:
        return self.verdict in SURVIVED


GAUGES = ("reserve_used_pages", "in_flight", "writeback_pages", "ring_free_slots", "junk_held_bytes")


def try_out(scenario: Scenario) -> Trial:
    """Simulates `scenario` with its own seed, until the verdict is decided."""
    outcome = simulate(scenario, brief=True)
    judgement = judged(outcome)
    return Trial(
        seed=scenario.seed,
        verdict=judgement.verdict,
        cycle=cycle_of(judgement),
        sentence=judgement.sentence,
        peaks=peaks(outcome),
    )


def cycle_of(judgement: Judgement) -> Cycle:
    """The cycle of the first initiator with the verdict that speaks for all; empty when it has none."""
    node: NodeVerdict | None = next((node for node in judgement.nodes if node.verdict == judgement.verdict), None)
    return shape_of(node.cycle) if node else ()


def shape_of(edges: Sequence[CycleEdge]) -> Cycle:
    """What makes two cycles the same: who waits for what. Counts may differ, and where the telling begins."""
    pairs = [(edge.waiter, edge.resource) for edge in edges]
    start = pairs.index(min(pairs)) if pairs else 0
    return tuple(pairs[start:] + pairs[:start])


def cycle_text(cycle: Cycle) -> str:
    """A cycle on one line."""
    return " -> ".join(f"{waiter} (waits for {resource})" for waiter, resource in cycle) + f" -> {cycle[0][0]}"


def peaks(outcome: Outcome) -> dict[str, int]:
    """The most of each gauge."""
    own = [sample for sample in outcome.samples if sample.node in outcome.initiators]
    return {name: max((int(getattr(sample, name)) for sample in own), default=0) for name in GAUGES}


class Workers:
    """Processes that simulate; used as a context manager. `jobs`: how many, 0 for one per core; with one, or where a single
    thing is asked, the work is done here."""

    def __init__(self, jobs: int = 0) -> None:
        if jobs < 0:
            raise UsageError(f"--jobs {jobs}: 0 (one per core) or more is needed")
        self.jobs = jobs or len(os.sched_getaffinity(0))
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """`function` of each item, in their order. Raises what it raises, and HarnessError when a process dies."""
        work = list(items)
        if self.jobs == 1 or len(work) < 2:
            return [function(item) for item in work]
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.jobs, mp_context=get_context("spawn"), initializer=leave_interrupts)
        try:
            return list(self._pool.map(function, work))
        except BrokenProcessPool:
            raise HarnessError("a process that simulates was killed: is there enough memory? try --jobs 1") from None
