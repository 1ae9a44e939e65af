"""matrix.html and matrix.png: a matrix of real kernels drawn for people, and the same as Markdown for a page of the docs.

Drawn from whatever trials there are, so that a matrix can be looked at while it goes on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from controller.experiment.verdicts import VERDICTS, Verdict
from controller.report import charts, matrixchart
from controller.report.page import environment
from controller.store.whole import write_whole
from controller.studies.kernels.model import Asked, Cell, Hang, kernel_text, releases

Matrix = tuple[Asked, Sequence[Cell]]


@dataclass(frozen=True)
class Shown:
    """One tier's matrix as the page shows it."""

    asked: Asked
    cells: Sequence[Cell]
    spec: charts.Spec
    sentence: str
    """For who cannot see the picture."""

    @property
    def rows(self) -> list[tuple[str, str, str, list[Cell]]]:
        """Scenario, kernel, card, and a cell for each policy."""
        found: dict[tuple[str, str, str], list[Cell]] = {}
        for cell in self.cells:
            place = cell.place
            found.setdefault((place.scenario, kernel_text(place.kernel), place.nic), []).append(cell)
        return [(*place, cells) for place, cells in found.items()]

    @property
    def hangs(self) -> list[tuple[Cell, Hang]]:
        return [(cell, hang) for cell in self.cells for hang in cell.hangs()]

    @property
    def releases(self) -> list[str]:
        return releases(self.cells)

    @property
    def done(self) -> int:
        return sum(len(cell.trials) for cell in self.cells)

    @property
    def open(self) -> int:
        """Places that are not complete."""
        return sum(not cell.complete for cell in self.cells)


def draw(folder: Path, matrices: Sequence[Matrix]) -> list[Path]:
    """Writes matrix.html, and a matrix.png for each tier (`matrix-sim.png` for another than kernel); returns their paths."""
    shown = [_shown(asked, cells) for asked, cells in matrices]
    written = [write_whole(folder / "matrix.html", render(folder, shown).encode())]
    for each in shown:
        name = "matrix.png" if each.asked.tier == "kernel" else f"matrix-{each.asked.tier}.png"
        written.append(write_whole(folder / name, charts.paint(each.spec)))
    return written


def render(folder: Path, shown: Sequence[Shown]) -> str:
    """The page's text; links to runs are relative to `folder`."""
    template = environment().get_template("matrix.html")
    return template.render(
        shown=shown,
        link=lambda path: os.path.relpath(Path(path) / "report.html", folder),
        swatch=VERDICTS.get,
        kernel=kernel_text,
        words=_words(shown),
        bundle=charts.bundle(),
    )


def markdown(matrices: Sequence[Matrix]) -> str:
    """Tables and hangs, for a page of the documentation."""
    return "\n".join(line for asked, cells in matrices for line in _markdown(asked, cells))


def _markdown(asked: Asked, cells: Sequence[Cell]) -> Iterator[str]:
    shown = _shown(asked, cells)
    for subject in asked.subjects:
        yield f"### {subject.name} ({asked.tier} tier)\n"
        yield f"| kernel | card | {' | '.join(asked.policies)} |"
        yield f"|---|---|{'---|' * len(asked.policies)}"
        for scenario, kernel, nic, own in shown.rows:
            if scenario == subject.name:
                yield f"| {kernel} | {nic} | {' | '.join(map(_markdown_cell, own))} |"
        if ran := releases(cell for cell in cells if cell.place.scenario == subject.name):
            yield f"\nKernels: {_plain('; '.join(ran))}."
        hangs = [(cell, hang) for cell, hang in shown.hangs if cell.place.scenario == subject.name]
        if hangs:
            yield "\nWhy they hang or die, and what their autopsies saw:\n"
        for cell, hang in hangs:
            place = cell.place
            where = f"{kernel_text(place.kernel)}, {place.nic}, {place.policy}"
            share = f"{hang.count} of {len(cell.counted)}"
            yield f"<details><summary><b>{where}</b> ({share}): {_plain(hang.sentence)}.</summary>\n"
            yield from (f"* {_plain(line)}" for line in hang.found)
            yield "\n</details>\n"
        yield ""


def _markdown_cell(cell: Cell) -> str:
    return "<br>".join(map(_plain, [cell.told(), *cell.figures(), *cell.reasons()]))


def _plain(text: str) -> str:
    """Without what Markdown's tables would take for their own."""
    return escape(text, quote=False).replace("|", "\\|").replace("\n", " ").removesuffix(".")


def _shown(asked: Asked, cells: Sequence[Cell]) -> Shown:
    names = ", ".join(subject.name for subject in asked.subjects)
    title = f"{names}: which card hangs under which policy ({asked.tier} tier)"
    sentence = " ".join(f"{cell.place.told}: {cell.told()}." for cell in cells)
    return Shown(asked, cells, matrixchart.spec(asked, cells, title), sentence)


def _words(shown: Sequence[Shown]) -> list[Verdict]:
    used = {trial.verdict for each in shown for cell in each.cells for trial in cell.trials}
    return [swatch for name, swatch in VERDICTS.items() if name in used]
