"""The smallest reserve of a scenario under each of several policies: measured by simulation, beside the derived sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct, structs

from controller.experiment.scenario import Scenario
from controller.experiment.scenario.faults import SetMinFree
from controller.experiment.scenario.policies import policy_text
from controller.experiment.scenario.vary import vary
from controller.studies.size.advised import Advice, Bound, advise, asked_of
from controller.studies.size.derivation import Derivation, derive
from controller.studies.size.search import Found, Level, Progress, Search, how
from controller.studies.size.sequential import SequentialTest
from controller.studies.trials import Goal, Trial
from nodes.config import PolicySpec
from nodes.errors import UsageError
from nodes.units import PAGE_BYTES, format_bytes

Simulate = Callable[[Sequence[Scenario]], list[Trial]]
"""What each of some scenarios comes to, in their order."""


class Sized(Struct, frozen=True, kw_only=True):
    """What is known of one policy."""

    policy: str
    found: Found
    advice: Advice
    derivation: Derivation
    most_pages: int
    """The largest min_free that memory has room for."""
    warning: str = ""
    """Why no reserve helps, when none does."""

    @property
    def min_free_pages(self) -> int | None:
        """The smallest setting that survives in the simulation, which nobody is advised to set; None: none does."""
        return self.found.survives.pages if self.found.survives else None

    @property
    def min_pages(self) -> int | None:
        """The same as a watermark: with what the policy adds itself."""
        return None if self.min_free_pages is None else self.min_free_pages + self.derivation.own_pages


def study(
    scenario: Scenario,
    spec: PolicySpec,
    test: SequentialTest,
    simulate: Simulate,
    *,
    goal: Goal = "survival",
    asked: Sequence[Bound] | None = None,
    batch: int = 1,
    progress: Progress | None = None,
) -> Sized:
    """Sizes the reserve of `scenario` under `spec`, with seeds from the scenario's own on, `batch` runs at once. `asked`:
    what Linux asks of the real machine; None: of one with the scenario's memory. Raises UsageError when the scenario sets
    min_free itself, or nothing about it can be simulated."""
    bare = _under(scenario, spec)
    most_pages = largest(bare)

    def run(pages: int, seeds: Sequence[int]) -> list[Trial]:
        return simulate([at_level(bare, pages, seed) for seed in seeds])

    search = Search(run, test, goal=goal, first_seed=scenario.seed, batch=batch, progress=progress)
    found = search.smallest(1, most_pages)
    asked = asked_of(bare.nodes.initiator.memory_pages * PAGE_BYTES >> 10) if asked is None else asked
    advice = advise(search, found, test, most_pages=most_pages, asked=asked)
    found = structs.replace(found, levels=search.levels)  # with those that the advice asked for
    shown = found.survives or found.fails
    assert shown is not None, "at least one level was tried"
    derivation = derive(bare, spec, min_most_pages=most_pages, seen=seen(shown))
    warning = "" if found.survives or not advice.known else _warning(found, derivation, most_pages)
    return Sized(
        policy=policy_text(spec),
        found=found,
        advice=advice,
        derivation=derivation,
        most_pages=most_pages,
        warning=warning,
    )


def at_level(scenario: Scenario, pages: int, seed: int) -> Scenario:
    """`scenario` with so large a min_free, and another seed."""
    return vary(scenario, {"nodes.initiator.min_free": f"{pages * PAGE_BYTES // 1024} KiB", "seed": seed})


def largest(scenario: Scenario) -> int:
    """The largest min_free, in pages, that the scenario's memory has room for."""
    low, high = 1, scenario.nodes.initiator.memory_pages
    while high - low > 1:
        middle = (low + high) // 2
        try:
            at_level(scenario, middle, scenario.seed)
            low = middle
        except UsageError:
            high = middle
    at_level(scenario, low, scenario.seed)  # raises when even the smallest has no room
    return low


def seen(level: Level) -> dict[str, int]:
    """The most of each gauge over all runs of a level."""
    names = {name for trial in level.trials for name in trial.peaks}
    return {name: max(trial.peaks.get(name, 0) for trial in level.trials) for name in sorted(names)}


def _under(scenario: Scenario, spec: PolicySpec) -> Scenario:
    if any(isinstance(fault, SetMinFree) for fault in scenario.faults):
        raise UsageError(
            f"scenario {scenario.name} changes min_free by a fault: leave that out, min_free is what is sought"
        )
    return structs.replace(scenario, policy=spec, arms={}, tier="sim")


def _warning(found: Found, derivation: Derivation, most_pages: int) -> str:
    size = format_bytes(most_pages * PAGE_BYTES)
    said = f"no reserve helps, up to the largest that memory has room for ({most_pages} pages, {size})"
    worst = found.fails.worst if found.fails else None
    if worst is not None:
        said += f"; there {how(worst)}"
    return f"{said}. {sentence(derivation.why_hopeless)}" if derivation.why_hopeless else said


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def agreement(sized: Sized) -> str:
    """How the sum and the simulation compare, as watermarks, in words."""
    summed, found = sized.derivation.min_pages, sized.min_pages
    if found is None:
        return "the sum has nothing to be compared with: no reserve survived"
    if sized.min_free_pages == 1:
        own = ": what the policy adds itself is enough" if sized.derivation.own_pages else ""
        less = f"; the sum, which has all consumers at their most at once, asks for {summed}" if summed > found else ""
        return f"even the smallest setting survives{own}{less}"
    if summed == found:
        return "the sum and the simulation agree"
    if summed > found:
        times = f"{summed / found:,.0f}" if summed >= 100 * found else f"{summed / found:.3g}"
        return (
            f"the sum is {times} times what the simulation needs: it has all consumers at their most at once, and counts on"
            " no page being reclaimed meanwhile"
        )
    return (
        f"the sum is {summed / found:.0%} of what the simulation needs: something takes memory that no line has:"
        " look at a run just below"
    )
