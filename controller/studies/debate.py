"""The debate, run: every policy in every scenario of the gallery, simulated, as one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from controller.experiment.scenario import Scenario, load
from controller.experiment.scenario.model import SEEDS_MAX, seed_after
from controller.experiment.scenario.policies import WITH, read_policy, unknown
from controller.experiment.scenario.vary import vary
from controller.experiment.verdicts import SURVIVED
from controller.simulated.simulate import Simulation
from controller.studies.trials import Trial
from controller.studies.tried import Heard, Tried
from nodes.errors import UsageError
from nodes.machine.policies import POLICIES
from nodes.machine.policies.base import Variant

VARIANTS: dict[str, Variant] = {
    name: variant
    for policy in POLICIES.values()
    for name, variant in (
        policy.variants or {policy.name: Variant(settings={"policy": policy.name}, follows=policy.follows)}
    ).items()
}
"""Who takes part: every policy in each of its forms, in the order of their table."""
IMPOSSIBLE = "impossible"
"""Instead of a verdict: the machine cannot hold the policy's reserve or pools."""
REAL_SIZE = "-full"
"""Scenarios whose name ends so have a scaled twin and take minutes."""
BATCH_MOMENTS = 10
"""So many go to a worker at a time: they share a warmup, and no more is lost by a kill (own)."""


Begun = Callable[[int], Heard]
"""Is told how many trials there will be, and answers who is to be told of each."""


class Cell(Struct, frozen=True, kw_only=True):
    """One policy in one scenario: what became of it at its first moment, and how often what at all of them."""

    scenario: str
    variant: str
    follows: str
    """The posting or the kernel that the variant is made after."""
    verdict: str
    sentence: str = ""
    flood_ratio: float = 0.0
    """Progress in the flood as a share of warmup's, of the worst machine."""
    reserve_used_pages: int = 0
    """The most of any machine."""
    cycle: tuple[str, ...] = ()
    """Who waits, in order."""
    proved: bool = False
    moments: dict[str, int] = {}
    """Verdicts and how many moments ended so, the most frequent first. One moment alone: where chance has no part in it, all
    others are the same."""

    @property
    def lived(self) -> int:
        """At how many moments it did."""
        return sum(count for verdict, count in self.moments.items() if verdict in SURVIVED)

    @property
    def decided_by_chance(self) -> bool:
        """Whether it lives at one moment and not at another."""
        return 0 < self.lived < sum(self.moments.values())

    @property
    def told(self) -> str:
        """The verdict; of several moments each, with its share."""
        total = sum(self.moments.values())
        shares = [f"{verdict} {count}/{total}" for verdict, count in self.moments.items()]
        return ", ".join(shares) if total > 1 else self.verdict


def gallery(folder: Path) -> list[Scenario]:
    """The scenarios of `folder` that take seconds, by name; those that are for real kernels say nothing of a model."""
    files = [file for file in sorted(folder.glob("*.yaml")) if not file.stem.endswith(REAL_SIZE)]
    found = [scenario for scenario in map(load, files) if scenario.tier != "kernel"]
    if not found:
        raise UsageError(f"no scenarios in {folder}: a folder with *.yaml is needed")
    return found


def variants(names: Sequence[str]) -> list[str]:
    """The columns that `names` mean; all when there are none. Raises UsageError."""
    return list(dict.fromkeys(map(_variant, names))) or list(VARIANTS)


def _variant(name: str) -> str:
    """The column `name`, or the one of the policy that it names as everywhere else: `nta-v2` is `nta+nta-v2`."""
    if name in VARIANTS:
        return name
    if name.partition(WITH)[0] not in POLICIES:
        raise unknown(name, VARIANTS)
    spec = read_policy(name)
    for column, variant in VARIANTS.items():
        if read_policy(variant.settings["policy"]) == spec:
            return column
    raise UsageError(f"the debate has no column for '{name}': its columns are {', '.join(VARIANTS)}")


class Debate:
    """Every variant of `names` in every one of `scenarios`, at `moments` moments: with one seed after the other, from the
    scenario's own on. A seed decides all that is left to chance, and when within 100 ms (a twentieth of a short flood) a
    flood begins. Raises UsageError for a number of moments that cannot be."""

    def __init__(self, scenarios: Sequence[Scenario], names: Sequence[str], moments: int = 1) -> None:
        if not 1 <= moments <= SEEDS_MAX:
            raise UsageError(f"--moments {moments}: a number from 1 to {SEEDS_MAX} is needed")
        self._moments = moments
        self._places = [_place(scenario, name) for scenario in scenarios for name in names]

    def run(self, tried: Tried, begun: Begun) -> list[Cell]:
        """All cells, in the order of the arguments. The first moment of every cell comes first: it says whether chance has a
        part in it, without which the others are not simulated."""
        found: dict[_Possible, list[Trial]] = {place: [] for place in self._places if isinstance(place, _Possible)}
        self._stage(found, [(place, [place.scenario]) for place in found], tried, begun)
        if self._moments > 1:
            batches = {place: place.batches(self._moments) for place, trials in found.items() if trials[0].drawn}
            in_turn = [
                (place, batch)
                for of_all in zip(*batches.values(), strict=True)
                for place, batch in zip(batches, of_all, strict=True)
            ]
            self._stage(found, in_turn, tried, begun)
        return [place if isinstance(place, Cell) else place.cell(found[place]) for place in self._places]

    @staticmethod
    def _stage(
        found: dict[_Possible, list[Trial]],
        batches: Sequence[tuple[_Possible, Sequence[Scenario]]],
        tried: Tried,
        begun: Begun,
    ) -> None:
        heard = begun(sum(len(batch) for _, batch in batches))
        for (place, _), trials in zip(batches, tried.together([batch for _, batch in batches], heard), strict=True):
            found[place] += trials


class _Possible:
    """A place in the table whose machine can be."""

    def __init__(self, name: str, variant: str, scenario: Scenario) -> None:
        self.name, self.variant, self.scenario = name, variant, scenario

    def batches(self, moments: int) -> Iterator[list[Scenario]]:
        """All moments but the first."""
        seeds = [seed_after(self.scenario.seed, number) for number in range(1, moments)]
        for first in range(0, len(seeds), BATCH_MOMENTS):
            yield [vary(self.scenario, {"seed": seed}) for seed in seeds[first : first + BATCH_MOMENTS]]

    def cell(self, trials: Sequence[Trial]) -> Cell:
        first = trials[0]
        return Cell(
            scenario=self.name,
            variant=self.variant,
            follows=VARIANTS[self.variant].follows,
            verdict=first.verdict,
            sentence=first.sentence,
            flood_ratio=first.flood_ratio,
            reserve_used_pages=first.peaks["reserve_used_pages"],
            cycle=first.cycle_waiters,
            proved=first.proved,
            moments=dict(Counter(trial.verdict for trial in trials).most_common()),
        )


def _place(scenario: Scenario, variant: str) -> _Possible | Cell:
    """`scenario` under `variant`, or the cell that says why it cannot be."""
    form = VARIANTS[variant]
    try:
        changed = vary(scenario, form.settings)
        Simulation(changed)
    except UsageError as error:
        told = str(error).splitlines()[0]
        return Cell(scenario=scenario.name, variant=variant, follows=form.follows, verdict=IMPOSSIBLE, sentence=told)
    return _Possible(scenario.name, variant, changed)


def golden(cells: Sequence[Cell]) -> Iterator[str]:
    """The table that a change of behaviour shows up in: one line a cell."""
    yield f"{'scenario':16}{'policy':15}{'verdict':14}{'of its rate':>12}{'reserve':>9}  cycle"
    for item in cells:
        rate, proof = f"{100 * item.flood_ratio:.0f} %", " (proved)" if item.proved else ""
        line = f"{item.scenario:16}{item.variant:15}{item.verdict:14}{rate:>12}{item.reserve_used_pages:>9}"
        yield f"{line}  {' -> '.join(item.cycle)}{proof}".rstrip()


def markdown(cells: Sequence[Cell]) -> Iterator[str]:
    """Scenarios down, policies across."""
    names = list(dict.fromkeys(item.variant for item in cells))
    table = {(item.scenario, item.variant): item for item in cells}
    yield f"| scenario | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    for scenario in dict.fromkeys(item.scenario for item in cells):
        row = [table[scenario, name].told for name in names]
        yield f"| [{scenario}](../reference/gallery.md#{scenario}) | {' | '.join(row)} |"


def by_chance(cells: Sequence[Cell]) -> Iterator[str]:
    """What is to be known of the cells that live at one moment and not at another, a line each."""
    for cell in cells:
        if cell.decided_by_chance:
            yield f"decided by the moment: {cell.scenario} under {cell.variant}: {cell.told}"
