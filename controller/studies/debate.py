"""The debate, run: every policy in every scenario of the gallery, simulated, as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from controller.experiment.scenario import Scenario, load
from controller.experiment.scenario.vary import vary
from controller.simulated.simulate import judged, simulate
from controller.studies.workers import Workers
from nodes.errors import UsageError
from nodes.machine.policies import POLICIES
from nodes.registry import did_you_mean

VARIANTS: dict[str, Mapping[str, str]] = {
    name: settings
    for policy in POLICIES.values()
    for name, settings in (policy.variants or {policy.name: {"policy": policy.name}}).items()
}
"""Who takes part: every policy in each of its forms, in the order of their table."""
IMPOSSIBLE = "impossible"
"""Instead of a verdict: the machine cannot hold the policy's reserve or pools."""
REAL_SIZE = "-full"
"""Scenarios whose name ends so have a scaled twin and take minutes."""


class Cell(Struct, frozen=True, kw_only=True):
    """One policy in one scenario."""

    scenario: str
    variant: str
    verdict: str
    sentence: str = ""
    flood_ratio: float = 0.0
    """Progress in the flood as a share of warmup's, of the worst machine."""
    reserve_used_pages: int = 0
    cycle: tuple[str, ...] = ()
    """Who waits, in order."""
    proved: bool = False


def gallery(folder: Path) -> list[Scenario]:
    """The scenarios of `folder` that take seconds, by name; those that are for real kernels say nothing of a model."""
    files = [file for file in sorted(folder.glob("*.yaml")) if not file.stem.endswith(REAL_SIZE)]
    found = [scenario for scenario in map(load, files) if scenario.tier != "kernel"]
    if not found:
        raise UsageError(f"no scenarios in {folder}: a folder with *.yaml is needed")
    return found


def variants(names: Sequence[str]) -> list[str]:
    """`names`, checked; all when there are none. Raises UsageError."""
    for name in names:
        if name not in VARIANTS:
            raise UsageError(f"unknown policy '{name}' ({did_you_mean(name, VARIANTS)})")
    return list(names) or list(VARIANTS)


def cell(scenario: Scenario, variant: str) -> Cell:
    """What becomes of `scenario` under `variant`."""
    try:
        changed = vary(scenario, VARIANTS[variant])
        outcome = simulate(changed, brief=True)
    except UsageError as error:
        return Cell(scenario=scenario.name, variant=variant, verdict=IMPOSSIBLE, sentence=str(error).splitlines()[0])
    judgement = judged(outcome)
    node = next((node for node in judgement.nodes if node.verdict == judgement.verdict), judgement.nodes[0])
    before = node.warmup_pages_per_s
    return Cell(
        scenario=scenario.name,
        variant=variant,
        verdict=judgement.verdict,
        sentence=judgement.sentence,
        flood_ratio=round(node.flood_pages_per_s / before, 3) if before else 0.0,
        reserve_used_pages=node.reserve_used_pages,
        cycle=tuple(edge.waiter for edge in node.cycle),
        proved=node.node in outcome.proofs,
    )


def run(scenarios: Sequence[Scenario], names: Sequence[str], jobs: int, done: Callable[[Cell], None]) -> list[Cell]:
    """All cells, `jobs` at a time (0: one per core), each told to `done` when it is there; the answer is in the order of the
    arguments."""
    places = [(scenario, name) for scenario in scenarios for name in names]
    found: dict[int, Cell] = {}
    with Workers(jobs) as workers:
        for number, made in workers.each(_cell, places):
            found[number] = made
            done(made)
    return [found[number] for number in range(len(places))]


def _cell(place: tuple[Scenario, str]) -> Cell:
    return cell(*place)


def golden(cells: Sequence[Cell]) -> Iterator[str]:
    """The table that a change of behaviour shows up in: one line a cell."""
    yield f"{'scenario':16}{'policy':15}{'verdict':14}{'of its rate':>12}{'reserve':>9}  cycle"
    for item in cells:
        rate, proof = f"{100 * item.flood_ratio:.0f} %", " (proved)" if item.proved else ""
        line = f"{item.scenario:16}{item.variant:15}{item.verdict:14}{rate:>12}{item.reserve_used_pages:>9}"
        yield f"{line}  {' -> '.join(item.cycle)}{proof}".rstrip()


def markdown(cells: Sequence[Cell], looks: Mapping[str, str]) -> Iterator[str]:
    """Scenarios down, policies across; `looks`: what stands before each verdict."""
    names = list(dict.fromkeys(item.variant for item in cells))
    table = {(item.scenario, item.variant): item for item in cells}
    yield f"| scenario | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    for scenario in dict.fromkeys(item.scenario for item in cells):
        row = [f"{looks.get(verdict, '')}{verdict}" for verdict in (table[scenario, name].verdict for name in names)]
        yield f"| [{scenario}](../reference/gallery.md#{scenario}) | {' | '.join(row)} |"
