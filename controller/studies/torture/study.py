"""Experiments one after the other, for so long or so many; each that breaks a promise is shrunk to the least that does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from msgspec import Struct

from controller.experiment.scenario import Scenario
from controller.experiment.verdicts import VerdictName
from controller.studies.shrink.search import Shrinker
from controller.studies.torture.draw import drawn
from controller.studies.torture.holds import Broken, examine
from controller.studies.trials import Trial
from controller.studies.workers import Workers
from nodes.errors import UsageError

SHRINK_RUNS_MAX = 60
"""Simulations in threes (own: minutes)."""
BROKEN: VerdictName = "panicked"
HELD: VerdictName = "healthy"
"""What the shrinking room is told of an experiment that breaks the same promise, and of one that does not."""


class Examined(Struct, frozen=True, kw_only=True):
    """One experiment and what became of it."""

    seed: int
    number: int
    verdict: str = ""
    promise: str = ""
    """The one that broke; empty when all held."""
    told: str = ""

    @property
    def replay(self) -> str:
        """The command that shows it again."""
        return f"netreserve torture --seed {self.seed} --only {self.number}"


class Tortured(Struct, frozen=True, kw_only=True):
    """What a whole session came to."""

    seed: int
    experiments: int
    verdicts: dict[str, int]
    """How many experiments ended so."""
    broken: tuple[Examined, ...]


Order = tuple[int, int]


def examined(order: Order) -> Examined:
    """The experiment of a seed and a number. A mistake of ours counts as a broken promise, too: nobody is to meet it."""
    seed, number = order
    try:
        judgement = examine(drawn(seed, number))
    except Broken as broken:
        return Examined(seed=seed, number=number, promise=broken.promise, told=broken.told)
    except UsageError as error:
        return Examined(seed=seed, number=number, verdict="refused", told=str(error))
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        return Examined(seed=seed, number=number, promise="no crash", told=told)
    return Examined(seed=seed, number=number, verdict=judgement.verdict)


def torture(
    seed: int, workers: Workers, goes_on: Callable[[int], bool], heard: Callable[[Examined, int], None]
) -> Tortured:
    """Experiments 0, 1, 2, ... of `seed`, while `goes_on` says so of how many there were; `heard` is told each."""
    verdicts: Counter[str] = Counter()
    broken: list[Examined] = []
    for done, found in enumerate(_found(seed, workers, goes_on), 1):
        verdicts[found.verdict or "broken"] += 1
        if found.promise:
            broken.append(found)
        heard(found, done)
    return Tortured(seed=seed, experiments=verdicts.total(), verdicts=dict(verdicts), broken=tuple(broken))


def _found(seed: int, workers: Workers, goes_on: Callable[[int], bool]) -> Iterator[Examined]:
    """A round at a time: as many as there are workers."""
    done = 0
    while goes_on(done):
        orders = [(seed, done + number) for number in range(workers.jobs)]
        yield from workers.map(examined, orders)
        done += len(orders)


def shrunk(found: Examined) -> Scenario:
    """The smallest scenario found that breaks the same promise as `found` did."""

    def simulator(scenario: Scenario) -> Trial:
        same = _breaks(scenario) == found.promise
        return Trial(seed=scenario.seed, verdict=BROKEN if same else HELD, sentence=found.told)

    shrinker = Shrinker(drawn(found.seed, found.number), runs_most=SHRINK_RUNS_MAX, simulator=simulator)
    shrinker.shrink()
    return shrinker.best


def _breaks(scenario: Scenario) -> str:
    try:
        examine(scenario)
    except Broken as broken:
        return broken.promise
    except UsageError:
        raise
    except Exception:
        return "no crash"
    return ""
