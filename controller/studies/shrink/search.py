"""Shrinks a scenario: every candidate is simulated, and only what ends with the same verdict and the same cycle is kept.

Rounds of two passes, until neither finds anything: halving of times, memory, rates, sizes and counts, which makes the next
candidates cheaper; then delta debugging over what differs from the defaults. The same scenario gives the same answer:
candidates come in a fixed order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, structs

from controller.experiment.expect import VerdictIs
from controller.experiment.scenario import Scenario, dump
from controller.experiment.scenario.vary import vary
from controller.experiment.verdicts import VerdictName
from controller.studies.shrink.ddmin import ddmin
from controller.studies.shrink.keys import brief, differences, halvable, halved, value, without
from controller.studies.trials import Cycle, Trial, try_out
from nodes.errors import InconclusiveError, UsageError

RUNS_MOST = 200
"""Simulated at most unless said otherwise (own: minutes for a scenario of a minute)."""
HALVINGS_MOST = 6
"""Of one key: a sixty-fourth of what it was is small enough (own)."""
SUFFIX = "-shrunk"
NAME_LETTERS_MOST = 64

Simulator = Callable[[Scenario], Trial]
Progress = Callable[[int, str], None]
"""Told after each simulated candidate that was taken over: how many have been simulated, and what has become smaller."""


class Shrunk(Struct, frozen=True, kw_only=True):
    """What is left."""

    scenario: Scenario
    verdict: VerdictName
    cycle: Cycle
    kept: tuple[str, ...]
    """Every difference from the defaults that is needed, as `key: value`."""
    smaller: tuple[str, ...]
    """Every amount that was halved, as `key: before -> after`."""
    dropped: tuple[str, ...]
    """What made no difference."""
    runs: int
    complete: bool
    """False: the bound on runs was reached; more may be possible."""


class _Exhausted(Exception):
    """The bound on runs has been reached."""


class Shrinker:
    """One search. `runs_most` bounds the simulations."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        runs_most: int = RUNS_MOST,
        simulator: Simulator = try_out,
        progress: Progress | None = None,
    ) -> None:
        if runs_most < 2:
            raise UsageError(f"{runs_most} runs are too few: 2 at least, one shows what is sought and one tries")
        self._first = bare(scenario)
        self.best = self._first
        self._simulator, self._runs_most = simulator, runs_most
        self._progress = progress or (lambda runs, what: None)
        self._answers: dict[str, bool] = {dump(self._first): True}
        self.runs = 1
        target = simulator(self._first)
        if target.verdict == "inconclusive":
            raise InconclusiveError(f"the scenario proves nothing, so nothing can be kept: {target.sentence}")
        self.target: Trial = target
        self._dropped: list[str] = []
        self._halved: Counter[str] = Counter()

    def shrink(self) -> Shrunk:
        """Carries the search out."""
        complete = True
        try:
            while self._halve() | self._leave_out():
                pass
        except _Exhausted:
            complete = False
        return self._result(complete)

    def _leave_out(self) -> bool:
        """Delta debugging; whether anything went."""
        start, items, before = self.best, differences(self.best), [*self._dropped]

        def gone(kept: Sequence[str]) -> list[str]:
            return [path for path in items if path not in kept and not _above_kept(path, kept)]

        def shows(kept: Sequence[str]) -> bool:
            left_out = gone(kept)
            candidate = _varied(start, without(left_out))
            if candidate is None or not self._same(candidate, f"without {', '.join(left_out)}"):
                return False
            self._dropped = before + left_out
            return True

        return bool(gone(ddmin(items, shows)))

    def _halve(self) -> bool:
        """Halves whatever can be, each as often as it goes; whether anything was."""
        return sum(self._halve_all(paths) for paths in halvable(self.best)) > 0

    def _halve_all(self, paths: tuple[str, ...]) -> bool:
        found = False
        while all(self._halved[path] < HALVINGS_MOST for path in paths) and (changes := halved(self.best, paths)):
            candidate = _varied(self.best, changes)
            told = ", ".join(f"{path} {value(self.best, path)} -> {new}" for path, new in changes.items())
            if candidate is None or candidate == self.best or not self._same(candidate, told):
                break
            self._halved.update(changes.keys())
            found = True
        return found

    def _same(self, candidate: Scenario, told: str) -> bool:
        """Whether `candidate` ends as the first one did; then it is the best so far."""
        text = dump(candidate)
        if text not in self._answers:
            self._answers[text] = self._simulated(candidate)
            if self._answers[text]:
                self._progress(self.runs, told)
        if self._answers[text]:
            self.best = candidate
        return self._answers[text]

    def _simulated(self, candidate: Scenario) -> bool:
        if self.runs >= self._runs_most:
            raise _Exhausted
        self.runs += 1
        try:
            trial = self._simulator(candidate)
        except UsageError:
            return False
        return trial.verdict == self.target.verdict and trial.cycle == self.target.cycle

    def _result(self, complete: bool) -> Shrunk:
        first, best = self._first, self.best
        amounts = [path for paths in halvable(first) for path in paths]
        paths = dict.fromkeys(path for path in amounts if value(best, path) is not None)
        return Shrunk(
            scenario=named(best, self.target.verdict),
            verdict=self.target.verdict,
            cycle=self.target.cycle,
            kept=tuple(f"{path}: {_shown(best, path)}" for path in differences(best)),
            smaller=tuple(
                f"{path}: {value(first, path)} -> {value(best, path)}"
                for path in paths
                if value(first, path) != value(best, path) and path not in self._dropped
            ),
            dropped=tuple(self._dropped),
            runs=self.runs,
            complete=complete,
        )


def bare(scenario: Scenario) -> Scenario:
    """`scenario` in the simulator without what says only what is expected of it."""
    any_verdict = (VerdictIs(verdict=("healthy",)),)
    return structs.replace(scenario, arms={}, expect=any_verdict, tier="sim")


def named(scenario: Scenario, verdict: VerdictName) -> Scenario:
    """Called after where it comes from, and expecting what it gives."""
    name = (
        scenario.name if scenario.name.endswith(SUFFIX) else scenario.name[: NAME_LETTERS_MOST - len(SUFFIX)] + SUFFIX
    )
    return structs.replace(scenario, name=name, expect=(VerdictIs(verdict=(verdict,)),))


def _varied(scenario: Scenario, changes: Mapping[str, object]) -> Scenario | None:
    """None for what cannot be run: memory without room, a fault after the end, ..."""
    try:
        return vary(scenario, changes)
    except UsageError:
        return None


def _above_kept(path: str, kept: Sequence[str]) -> bool:
    """A flood stays while one of its keys does: without the flood there is nothing that they could be keys of."""
    return any(other.startswith(f"{path}.") for other in kept)


def _shown(scenario: Scenario, path: str) -> str:
    found = value(scenario, path)
    if found is not None:
        return str(found)
    group, _, index = path.partition(".")
    item = brief(scenario)[group][int(index)]
    return ", ".join(f"{name} {item[name]}" for name in item)
