"""`netreserve debate`: every policy in every scenario of the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from controller.cli.console import Json, console, print_json
from controller.cli.scenarios import found
from controller.cli.studies import Jobs
from controller.cli.summary import style_of
from controller.experiment.scenario import load
from controller.here.testbed import find_root
from controller.studies import debate as table_of
from controller.studies.debate import Cell


def debate(
    scenarios: Annotated[list[Path] | None, typer.Argument(help="Scenario files; else the whole gallery.")] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help=f"Only these, with commas or repeated, of: {', '.join(table_of.VARIANTS)}.")
    ] = None,
    jobs: Jobs = 0,
    golden: Annotated[bool, typer.Option("--golden", help="Print one line a cell, with figures.")] = False,
    json: Json = False,
) -> None:
    """Simulate every policy in every scenario and print one table.

    Example: netreserve debate scenarios/classic.yaml --policy none,memalloc
    """
    names = table_of.variants([name.strip() for name in ",".join(policy or ()).split(",") if name.strip()])
    asked = [load(found(file)) for file in scenarios] if scenarios else table_of.gallery(find_root() / "scenarios")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        bar = progress.add_task("simulating", total=len(asked) * len(names))
        cells = table_of.run(asked, names, jobs, lambda cell: progress.advance(bar))
    if json:
        for cell in cells:
            print_json(cell)
    elif golden:
        print("\n".join(table_of.golden(cells)))
    else:
        _print(cells, names)


def _print(cells: Sequence[Cell], names: Sequence[str]) -> None:
    shown = Table("scenario", *names, box=None, pad_edge=False)
    by_place = {(cell.scenario, cell.variant): cell.verdict for cell in cells}
    for scenario in dict.fromkeys(cell.scenario for cell in cells):
        verdicts = [by_place[scenario, name] for name in names]
        shown.add_row(scenario, *(f"[{style_of(verdict)}]{verdict}[/]" for verdict in verdicts))
    console().print(shown)
