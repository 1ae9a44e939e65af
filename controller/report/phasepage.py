"""phase.html and phase.png: a sweep drawn for people. The page is self-contained, as report.html is.

Written from whatever rows there are, so that a sweep can be looked at while it goes on.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from controller.experiment.verdicts import VERDICTS, VOID
from controller.report import charts, phasechart
from controller.report.page import environment
from controller.store.whole import write_whole
from controller.studies.sweep.difference import CellChange, Difference, difference
from controller.studies.sweep.folder import SweepFolder
from controller.studies.sweep.grid import Cell, Grid, grid
from controller.studies.sweep.model import Plan, SweptVerdict

REASONS_MAX = 30
NUMBER = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True)
class Line:
    """One panel in figures."""

    title: str
    cells: int
    lives: int
    ends: int
    unknown: int
    mixed: int

    @property
    def sentence(self) -> str:
        """For who cannot see the diagram."""
        return f"{self.title or 'All'}: {self.lives} of {self.cells} cells survive, {self.ends} do not."


@dataclass(frozen=True)
class Shown:
    """A difference as the page shows it."""

    first: str
    second: str
    sentence: str
    spec: charts.Spec
    keys: list[str]
    changes: list[dict[str, object]]


def draw(folder: SweepFolder, diffs: Sequence[str] = ()) -> list[Path]:
    """Writes phase.html and phase.png, and for each of `diffs` (`none,memalloc`) diff-none-memalloc.png and .csv; returns
    their paths. Raises UsageError for a difference of what the sweep does not have."""
    plan, name = folder.plan, folder.plan.scenario.name
    found = [difference(plan, folder.rows, pair) for pair in diffs]
    shown = grid(plan, folder.rows)
    spec = phasechart.spec(shown, f"{name}: who survives (sim tier)")
    written = [write_whole(folder.path / "phase.png", charts.paint(spec))]
    differences = [_shown(plan, each) for each in found]
    for each, its in zip(found, differences, strict=True):
        stem = re.sub(r"[^\w.+-]+", "_", f"diff-{each.first}-{each.second}")
        written.append(write_whole(folder.path / f"{stem}.png", charts.paint(its.spec)))
        written.append(write_whole(folder.path / f"{stem}.csv", _listed(its).encode()))
    page = render(folder, shown, spec, differences)
    return [write_whole(folder.path / "phase.html", page.encode()), *written]


def render(folder: SweepFolder, shown: Grid, spec: charts.Spec, differences: Sequence[Shown]) -> str:
    """The page's text."""
    plan = folder.plan
    verdicts: Counter[str] = Counter(row.verdict for row in folder.rows.values())
    return environment().get_template("phase.html").render(
        name=plan.scenario.name,
        about=plan.scenario.about,
        asked=plan.points,
        done=len(folder.rows),
        seeds=plan.seeds,
        seed_list=[plan.seed(repeat) for repeat in range(plan.seeds)],
        totals=[(VERDICTS[name], verdicts[name]) for name in VERDICTS if verdicts[name]],
        keys=[axis.key for axis in (shown.across.axis, shown.up.axis) if axis.key],
        panel_keys=[axis.key for axis in shown.panel_axes],
        all_keys=_keys(shown),
        summary=summary(shown),
        undrawn=max(0, len(shown.titles) - phasechart.PANELS_MAX),
        spec=spec,
        differences=differences,
        mixed=[(_where(shown, cell), cell.told()) for cell in shown.all() if cell.second],
        reasons=[(VERDICTS[verdict], reason, count) for (verdict, reason), count in _reasons(folder)],
        axes=plan.axes,
        code=folder.asked.code,
        scenario=folder.asked.scenario,
        swatches=[VERDICTS[name] for name in get_args(SweptVerdict)],
        bundle=charts.bundle(),
    )  # fmt: skip


def summary(shown: Grid) -> list[Line]:
    """A line for each panel."""
    return [_line(title, [*cells]) for title, cells in zip(shown.titles, _panels(shown), strict=True)]


def _panels(shown: Grid) -> Iterator[Iterable[Cell]]:
    for panel in shown.cells:
        yield (cell for line in panel for cell in line)


def _line(title: str, cells: list[Cell]) -> Line:
    fates = Counter(cell.survives for cell in cells if cell.rows)
    mixed = sum(1 for cell in cells if cell.second)
    return Line(title, len(cells), fates[True], fates[False], fates[None], mixed)


def _reasons(folder: SweepFolder) -> list[tuple[tuple[str, str], int]]:
    """What decides nothing, by reason: reasons that differ in their numbers alone are one, told by the first of them."""
    first: dict[tuple[str, str], str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for row in folder.rows.values():
        if row.verdict in VOID:
            alike = row.verdict, NUMBER.sub("#", row.reason)
            first.setdefault(alike, row.reason)
            counts[alike] += 1
    return [((alike[0], first[alike]), count) for alike, count in counts.most_common(REASONS_MAX)]


def _shown(plan: Plan, found: Difference) -> Shown:
    words = phasechart.gain_words(found)
    counted: Counter[str] = Counter(change.gain for change in found.changes)
    told = [f"{words[gain]} in {counted[gain]}" for gain in words if counted[gain]]
    sentence = f"Of {len(found.changes)} cells {', '.join(told)}."
    spec = phasechart.difference_spec(found, f"{plan.scenario.name}: {found.first} against {found.second} (sim tier)")
    changes = [_change(found, change, words) for change in found.differing]
    return Shown(found.first, found.second, sentence, spec, _keys(found.grid), changes)


def _change(found: Difference, change: CellChange, words: dict[str, str]) -> dict[str, object]:
    where = _where(found.grid, change.before)
    return {"where": where, "before": change.before.told(), "after": change.after.told(), "gain": words[change.gain]}


def _keys(shown: Grid) -> list[str]:
    panels = [" · ".join(axis.key for axis in shown.panel_axes)] if shown.panel_axes else []
    return panels + [scale.axis.key for scale in (shown.up, shown.across) if scale.axis.key]


def _where(shown: Grid, cell: Cell) -> list[str]:
    """The values of `_keys` at `cell`."""
    panels = [shown.titles[cell.panel]] if shown.panel_axes else []
    at = shown.where(cell)
    return panels + [at[scale.axis.key] for scale in (shown.up, shown.across) if scale.axis.key]


def _listed(its: Shown) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*its.keys, its.first, its.second, "survival"])
    table.writerows(
        [*_texts(change["where"]), change["before"], change["after"], change["gain"]] for change in its.changes
    )
    return text.getvalue()


def _texts(values: object) -> list[str]:
    assert isinstance(values, list)
    return values
