"""The gallery as a page: what each scenario shows (from its file), and what became of it under every policy.

The text of a scenario is the comment above its keys; so there is one place to write it, where whoever runs it reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from controller.experiment.scenario import Scenario
from controller.experiment.verdicts import VOID
from controller.studies.debate import Cell

FOLDER = "scenarios"
PICTURES = "images/gallery"
"""Below docs/: one picture a scenario, of the policy that `drawn_policy` names."""
_EDITOR = "# yaml-language-server"


def comment_of(file: Path) -> str:
    """The comment that a scenario file begins with, as one paragraph a block."""
    lines = []
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith(_EDITOR):
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def drawn_policy(scenario: Scenario) -> str:
    """Whose run the picture shows: the one that must fail, where there is one."""
    return scenario.arms["bad"].policy if "bad" in scenario.arms else scenario.policy.name


def page(files: Sequence[tuple[Path, Scenario]], cells: Sequence[Cell]) -> Iterator[str]:
    """docs/reference/gallery.md, line by line."""
    yield "# The gallery"
    yield ""
    yield "Every scenario of `scenarios/` for modelled machines, what it shows, and what became of it in the simulator"
    yield "under every policy (`netreserve debate` makes the tables; [the debate, run](../explanation/the-debate-run.md)"
    yield "reads them). A `deadlocked` that is marked with * was proved: in the model, whose TCP never gives up, nothing"
    yield "that was still to come could ever free a page. Figures are those of one moment at which the flood may begin;"
    yield "where other moments end otherwise, the share of each verdict follows. Real kernels have a gallery of"
    yield "their own: [which kernel hangs on which card](kernel-matrix.md), and [their other runs](kernel-runs.md)."
    for file, scenario in files:
        own = [cell for cell in cells if cell.scenario == scenario.name]
        yield from ("", f"## {scenario.name}", comment_of(file), "")
        yield from _table(own)
        yield ""
        picture = f"{PICTURES}/{scenario.name}.png"
        yield f"![{scenario.about}: policy {drawn_policy(scenario)}](../{picture})"
        yield from ("", "```", f"netreserve run {FOLDER}/{file.name} --policy {drawn_policy(scenario)}", "```")


def _table(cells: Sequence[Cell]) -> Iterator[str]:
    yield "| policy | verdict | progress in the flood | reserve used | who waits for whom |"
    yield "|---|---|---|---|---|"
    for cell in cells:
        star = "*" if cell.proved else ""
        rate = f"{100 * cell.flood_ratio:.0f} %" if cell.verdict not in VOID else "-"
        told = " → ".join(cell.cycle) if cell.cycle else cell.sentence if cell.verdict == "impossible" else ""
        shares = f"<br>{cell.told}" if len(cell.moments) > 1 else ""
        yield f"| {cell.variant} | {cell.verdict}{star}{shares} | {rate} | {cell.reserve_used_pages} pages | {told} |"
