"""What is compared: recorded runs, or policies of one scenario over several seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from statistics import fmean

from msgspec import Struct, structs

from controller.experiment.record import Record
from controller.experiment.scenario import Scenario
from controller.experiment.scenario.model import seed_after
from controller.experiment.scenario.policies import policy_text, read_policy
from controller.experiment.verdicts import VerdictName
from controller.simulated.local import judged_record
from controller.simulated.simulate import simulate
from controller.store.recorded import read_run
from controller.studies.comparison.differences import Difference, differences
from controller.studies.comparison.figures import FIGURES, Figures, figures
from controller.studies.rows import Form, Rows
from controller.studies.workers import Workers
from nodes.errors import UsageError

Progress = Callable[[int, int], None]
"""`progress(done, all)`: runs that are simulated."""


class Measured(Struct, frozen=True, kw_only=True):
    """One run of a subject."""

    seed: int
    verdict: VerdictName
    figures: Figures


class Made(Struct, frozen=True, kw_only=True):
    """A simulated run, as it is kept."""

    policy: str
    run: Measured
    shown: Record | None = None
    """Where it is to be drawn."""

    @property
    def key(self) -> tuple[str, int]:
        return self.policy, self.run.seed


FORM: Form[tuple[str, int], Made] = Form("comparison", Made, attrgetter("key"), "--fresh")


class Subject(Struct, frozen=True, kw_only=True):
    """One column of the comparison."""

    label: str
    runs: tuple[Measured, ...]
    shown: Record
    """The first of its runs."""

    def mean(self, name: str) -> float | None:
        """Over the runs that have the figure."""
        values = [value for run in self.runs if (value := run.figures.get(name)) is not None]
        return fmean(values) if values else None

    def verdicts(self) -> str:
        """`healthy`, or `healthy 4, slow 1`."""
        found = [run.verdict for run in self.runs]
        names = list(dict.fromkeys(found))
        return names[0] if len(names) == 1 else ", ".join(f"{name} {found.count(name)}" for name in names)


class Comparison(Struct, frozen=True, kw_only=True):
    """Subjects side by side; differences are of each against the first."""

    title: str
    subjects: tuple[Subject, ...]
    differences: dict[str, list[Difference]]
    """By the label of the other subject."""
    how: str
    """How the differences were made, in one sentence."""


def of_runs(folders: Sequence[Path]) -> Comparison:
    """Recorded runs of any tier. Raises what `read_run` does."""
    subjects = []
    for folder in folders:
        recorded = read_run(folder)
        result = recorded.result
        run = Measured(seed=result.seed, verdict=result.verdict, figures=figures(result, recorded.samples))
        label = f"{result.scenario}, {result.policy or 'no policy'}, {result.tier} ({result.run.rpartition('-')[2]})"
        subjects.append(Subject(label=label, runs=(run,), shown=recorded))
    _check([subject.label for subject in subjects])
    how = "Single runs: their differences have no interval. With --scenario and --seeds they get one"
    return _compared(f"{len(subjects)} runs", subjects, how, paired=False)


def of_policies(
    scenario: Scenario,
    names: Sequence[str],
    seeds: int,
    workers: Workers,
    rows: Rows[tuple[str, int], Made],
    progress: Progress | None = None,
) -> Comparison:
    """Policies of one scenario, each with the same seeds from the scenario's own on, in the simulator; what is among `rows`
    is not simulated again."""
    specs = [read_policy(name, scenario.policy) for name in names]
    labels = [policy_text(spec) for spec in specs]
    _check(labels)
    used = [seed_after(scenario.seed, index) for index in range(seeds)]
    runs = {
        (label, seed): structs.replace(bare(scenario), policy=spec, seed=seed)
        for label, spec in zip(labels, specs, strict=True)
        for seed in used
    }
    missing = [(run, run.seed == scenario.seed) for key, run in runs.items() if key not in rows.by_key]
    for done, (_, made) in enumerate(workers.each(_made, missing), 1):
        rows.append(made)
        if progress:
            progress(len(runs) - len(missing) + done, len(runs))
    subjects = [_subject(label, [rows.by_key[label, seed] for seed in used]) for label in labels]
    how = (
        f"Paired over {seeds} seeds ({scenario.seed} to {used[-1]}): mean of the differences with Student's 95 % interval"
        if seeds > 1
        else "One seed: differences have no interval. With --seeds they get one"
    )
    return _compared(f"{scenario.name}, sim tier", subjects, how, paired=True)


def bare(scenario: Scenario) -> Scenario:
    """`scenario` for the simulator, whatever policy it names."""
    return structs.replace(scenario, arms={}, tier="sim")


def _made(job: tuple[Scenario, bool]) -> Made:
    """Simulates one seed of one policy; with the record where it is to be drawn."""
    scenario, drawn = job
    outcome = simulate(scenario)
    record = judged_record(scenario, outcome)
    result = record.result
    measured = Measured(seed=scenario.seed, verdict=result.verdict, figures=figures(result, record.samples))
    return Made(policy=result.policy, run=measured, shown=record if drawn else None)


def _subject(label: str, made: Sequence[Made]) -> Subject:
    shown = made[0].shown
    assert shown is not None, "the first seed is drawn"
    return Subject(label=label, runs=tuple(each.run for each in made), shown=shown)


def _check(labels: Sequence[str]) -> None:
    if len(labels) < 2:
        raise UsageError("a comparison needs two at least: name another run or policy")
    if doubles := {label for label in labels if labels.count(label) > 1}:
        raise UsageError(f"{', '.join(sorted(doubles))} is named twice: it cannot differ from itself")


def _compared(title: str, subjects: Sequence[Subject], how: str, *, paired: bool) -> Comparison:
    first, *others = subjects
    keyed = _keyed if paired else _alone
    return Comparison(
        title=title,
        subjects=tuple(subjects),
        differences={other.label: differences(keyed(first), keyed(other)) for other in others},
        how=how,
    )


def _keyed(subject: Subject) -> Mapping[int, Figures]:
    return {run.seed: run.figures for run in subject.runs}


def _alone(subject: Subject) -> Mapping[int, Figures]:
    """Single runs are one pair whatever their seeds are."""
    return {0: subject.runs[0].figures}


def table(comparison: Comparison) -> list[tuple[str, ...]]:
    """Rows of the table of figures: title, then a cell for each subject; `-` for what it has not."""
    rows = [("verdict", *(subject.verdicts() for subject in comparison.subjects))]
    for name, figure in FIGURES.items():
        values = [subject.mean(name) for subject in comparison.subjects]
        rows.append((figure.title, *(number(value) for value in values)))
    return rows


def difference_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Rows of the table of differences: title, then a cell for each subject but the first."""
    found = {label: {item.figure: item for item in items} for label, items in comparison.differences.items()}
    rows = []
    for name, figure in FIGURES.items():
        cells = [difference_text(items[name]) if name in items else "-" for items in found.values()]
        if set(cells) != {"-"}:
            rows.append((figure.title, *cells))
    return rows


def difference_text(item: Difference) -> str:
    """`+12 [3, 21]`; a star marks an interval without 0."""
    sign = "+" if item.mean > 0 else ""
    if item.low is None or item.high is None:
        return f"{sign}{number(item.mean)}"
    return f"{sign}{number(item.mean)} [{number(item.low)}, {number(item.high)}]{' *' if item.clear else ''}"


def number(value: float | None) -> str:
    """As a person reads it."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
