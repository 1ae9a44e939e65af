"""The search for the smallest reserve that meets a goal: a ladder over all sizes, bisection, confirmation, probes above.

A level is a size of min_free in pages. Every level meets the same seeds in the same order, so that levels differ by their
reserve alone. A level is *screened* with a few seeds first; only what is to be the answer is confirmed by the whole
sequential test. Survival need not grow with the reserve: the ladder and the probes show where it does not. Where more than
survival is asked, a level or run that does not give it counts as one that does not survive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Literal

from msgspec import Struct

from controller.experiment.scenario.model import seed_after
from controller.studies.size.sequential import SequentialTest
from controller.studies.trials import Goal, Trial, cycle_text

LADDER_RUNS = 1
"""Runs without a failure that let a step of the ladder pass for the time being (own)."""
SCREEN_RUNS = 3
"""The same for a level that bisection or a probe asks for (own)."""
RESOLUTION_RATIO = 0.02
"""The interval is at most this part of the level: a finer answer would be that of one scenario's accidents (own)."""
PROBES = (1.05, 1.2, 1.5)
"""Multiples of the answer that are screened beside the ladder's doublings (own)."""


class Level(Struct, frozen=True, kw_only=True):
    """What is known of a size of min_free."""

    pages: int
    trials: tuple[Trial, ...]
    decided: Literal["survives", "fails", "screened"]
    """`screened`: it survived its first few seeds and was not asked further."""
    goal: Goal = "survival"

    @property
    def survives(self) -> bool:
        return self.decided != "fails"

    @property
    def worst(self) -> Trial | None:
        """The first run that did not survive, or else did not meet the goal."""
        failed = [trial for trial in self.trials if not trial.meets(self.goal)]
        return next((trial for trial in failed if not trial.survived), next(iter(failed), None))

    @property
    def open(self) -> bool:
        """What rejected it were runs of which nothing is known: they neither survived nor were seen to hang."""
        failed = [trial for trial in self.trials if not trial.meets(self.goal)]
        return bool(failed) and all(trial.verdict == "inconclusive" for trial in failed)

    @property
    def met(self) -> int:
        """So many runs came to what was asked."""
        return sum(trial.meets(self.goal) for trial in self.trials)


class Found(Struct, frozen=True, kw_only=True):
    """The answer: `survives` is the smallest confirmed level, `fails` the largest below it that was rejected (None: even
    the smallest possible survives). `survives` None: none does."""

    survives: Level | None
    fails: Level | None
    levels: tuple[Level, ...]
    """All that were tried, smallest first."""

    @property
    def runs(self) -> int:
        return sum(len(level.trials) for level in self.levels)

    @property
    def anomalies(self) -> tuple[str, ...]:
        """Where the answer does not grow with the reserve, a sentence each."""
        return tuple(_anomalies(self))


Run = Callable[[int, Sequence[int]], list[Trial]]
"""Simulates a level with each of the seeds, and gives the trials in their order."""
Progress = Callable[[Level, int], None]
"""Told of each level when it has been asked, with the number of all runs so far."""


class Search:
    """Levels and what was found out about them. `batch`: runs asked for at once (one per core)."""

    def __init__(
        self, run: Run, test: SequentialTest, *, goal: Goal = "survival", first_seed: int = 0, batch: int = 1,
        progress: Progress | None = None,
    ) -> None:  # fmt: skip
        self._goal: Goal = goal
        self._run, self._test, self._first_seed, self._batch = run, test, first_seed, batch
        self._progress = progress
        self._levels: dict[int, Level] = {}

    @property
    def levels(self) -> tuple[Level, ...]:
        return tuple(self._levels[pages] for pages in sorted(self._levels))

    def ask(self, pages: int, *, screen_runs: int = SCREEN_RUNS, thoroughly: bool = False) -> bool:
        """Whether `pages` survive: as a screening by so many runs has it, or as the whole test decides. A level that was
        screened once is not screened again."""
        known = self._levels.get(pages)
        if known and (known.decided != "screened" or not thoroughly):
            return known.survives
        trials = list(known.trials) if known else []
        enough = self._test.runs_most if thoroughly else screen_runs
        while (decided := self._decided(trials, enough)) is None:
            needed = self._batch if thoroughly or len(trials) >= enough else 1
            seeds = [seed_after(self._first_seed, len(trials) + index) for index in range(needed)]
            trials += self._run(pages, seeds)
        level = Level(pages=pages, trials=tuple(trials), decided=decided, goal=self._goal)
        self._levels[pages] = level
        if self._progress:
            self._progress(level, sum(len(other.trials) for other in self._levels.values()))
        return level.survives

    def smallest(self, low: int, high: int) -> Found:
        """The smallest level from `low` to `high`, both included, that survives. Levels below `low` that were asked before
        say nothing about those above."""
        for pages in _ladder(low, high):
            self.ask(pages, screen_runs=LADDER_RUNS)
        while bracket := self._bracket(low):
            below, above = bracket
            above = self._bisect(below, above)
            if self.ask(above, thoroughly=True):
                self._probe(above, high)
                return self._found(above)
        return Found(survives=None, fails=self.levels[-1], levels=self.levels)

    def _decided(self, trials: Sequence[Trial], enough: int) -> Literal["survives", "fails", "screened"] | None:
        lived = [trial.meets(self._goal) for trial in trials]
        answer = self._test.decide(lived)
        if answer is not None:
            return "survives" if answer else "fails"
        return "screened" if len(lived) >= enough and all(lived) else None

    def _bracket(self, low: int) -> tuple[int | None, int] | None:
        """From `low` on: the level below (None: there is none) and the first of the longest stretch of levels that survive;
        the lower of two equals. None when nothing survives."""
        levels = [level for level in self.levels if level.pages >= low]
        stretches: list[tuple[int, int]] = []
        index = 0
        for survives, group in groupby(levels, key=lambda level: level.survives):
            length = len(list(group))
            if survives:
                stretches.append((length, index))
            index += length
        if not stretches:
            return None
        _, start = max(stretches, key=lambda stretch: (stretch[0], -stretch[1]))
        return (levels[start - 1].pages if start else None), levels[start].pages

    def _bisect(self, below: int | None, above: int) -> int:
        """The smallest of the screened survivors that bisection between a rejected level and a survivor finds."""
        while below is not None and above - below > max(1, int(RESOLUTION_RATIO * above)):
            middle = (below + above) // 2
            if self.ask(middle):
                above = middle
            else:
                below = middle
        return above

    def _probe(self, pages: int, high: int) -> None:
        for factor in PROBES:
            if pages < (probe := int(pages * factor)) <= high:
                self.ask(probe)

    def _found(self, pages: int) -> Found:
        below = [level for level in self.levels if level.pages < pages and not level.survives]
        return Found(survives=self._levels[pages], fails=below[-1] if below else None, levels=self.levels)


def _ladder(low: int, high: int) -> list[int]:
    """`low`, its doublings, and `high`."""
    steps = [low]
    while steps[-1] * 2 < high:
        steps.append(steps[-1] * 2)
    return [*steps, high] if high > low else steps


def _anomalies(found: Found) -> list[str]:
    if found.survives is None:
        return []
    said = []
    for smaller, larger in pairwise(found.levels):
        if smaller.survives and not larger.survives:
            worst = larger.worst
            assert worst is not None
            said.append(f"{smaller.pages} pages survive and {larger.pages} do not: {how(worst)}")
    return said


def how(trial: Trial) -> str:
    """What became of a run that did not come to what was asked."""
    said = f"seed {trial.seed} is {trial.verdict}"
    if trial.survived:
        return f"{said}, with {trial.alloc_failures} failed allocations"
    if trial.cycle:
        return f"{said}: {cycle_text(trial.cycle)}"
    return f"{said} ({trial.sentence})" if trial.sentence else said
