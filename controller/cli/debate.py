"""`netreserve debate`: every policy in every scenario of the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import asdict
from rich.table import Table

from controller.cli.console import Json, console, print_json
from controller.cli.options import listed
from controller.cli.scenarios import found
from controller.cli.studies import Fresh, Jobs, Out, resumable, studies_folder
from controller.cli.summary import style_of
from controller.cli.sweepviews import view_for
from controller.experiment.scenario import load
from controller.here.testbed import find_root
from controller.studies import debate as table_of
from controller.studies.debate import Cell, Debate
from controller.studies.rows import Rows, place
from controller.studies.tried import FORM, Heard, Tried
from controller.studies.workers import Workers


def debate(
    scenarios: Annotated[list[Path] | None, typer.Argument(help="Scenario files; else the whole gallery.")] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help=f"Only these, with commas or repeated, of: {', '.join(table_of.VARIANTS)}.")
    ] = None,
    moments: Annotated[int, typer.Option(help="Simulate each cell so often, with one seed after the other.")] = 1,
    jobs: Jobs = 0,
    fresh: Fresh = False,
    out: Out = None,
    golden: Annotated[bool, typer.Option("--golden", help="Print one line a cell, with figures.")] = False,
    json: Json = False,
) -> None:
    """Simulate every policy in every scenario and print one table.

    Can be stopped at any time: the same command goes on from there.

    Example: netreserve debate scenarios/classic.yaml --policy none,memalloc --moments 20
    """
    names = table_of.variants(listed("--policy", ",".join(policy)) if policy else ())
    asked = [load(found(file)) for file in scenarios] if scenarios else table_of.gallery(find_root() / "scenarios")
    cells = _computed(Debate(asked, names, moments), jobs, place(studies_folder(out), "gallery", "debate"), fresh=fresh)
    if json:
        for cell in cells:
            print_json({**asdict(cell), "lived": cell.lived})
    elif golden:
        print("\n".join(table_of.golden(cells)))
    else:
        _print(cells, names)


def _computed(asked: Debate, jobs: int, file: Path, *, fresh: bool) -> list[Cell]:
    with (
        Workers(jobs) as workers,
        Rows.open(file, FORM, fresh=fresh) as rows,
        resumable(lambda: f"{len(rows.by_key)} runs are kept in {file.parent}"),
        ExitStack() as views,
    ):

        def begun(points: int) -> Heard:
            views.close()
            return views.enter_context(view_for(points, 0, file.parent, json=False)).computed

        return asked.run(Tried(workers, rows), begun)


def _print(cells: Sequence[Cell], names: Sequence[str]) -> None:
    shown = Table("scenario", *names, box=None, pad_edge=False)
    by_place = {(cell.scenario, cell.variant): cell for cell in cells}
    for scenario in dict.fromkeys(cell.scenario for cell in cells):
        row = [by_place[scenario, name] for name in names]
        shown.add_row(scenario, *(f"[{style_of(cell.verdict)}]{cell.told}[/]" for cell in row))
    console().print(shown)
    for line in table_of.by_chance(cells):
        console().print(line, soft_wrap=True)
    made_after = Table("", "made after", box=None, pad_edge=False)
    for name in names:
        made_after.add_row(name, table_of.VARIANTS[name].follows)
    console().print()
    console().print(made_after)
