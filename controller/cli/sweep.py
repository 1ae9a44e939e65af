"""`netreserve sweep SCENARIO`, short for `sweep run`, and `sweep show`: who survives where, over a grid of settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from controller.cli.console import Json, console, print_json, say
from controller.cli.options import RunUnlessNamed
from controller.cli.scenarios import found
from controller.cli.studies import Fresh, Jobs, Out, resumable, studies_folder
from controller.cli.sweepviews import view_for
from nodes.compiled import COMMAND, in_use
from nodes.errors import HarnessError, UsageError

if TYPE_CHECKING:  # what these import takes a second, and only this verb needs it
    from controller.studies.sweep.folder import SweepFolder
    from controller.studies.sweep.model import Broken, Swept

WORTH_COMPILING = 64
"""Points: some 30 s of plain Python, which is half of what compiling takes (own)."""


app = typer.Typer(
    cls=RunUnlessNamed,
    help="Simulate a scenario over a grid of settings and draw who survives. 'sweep FILE' is short for 'sweep run FILE'.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Diff = Annotated[
    list[str] | None,
    typer.Option("--diff", metavar="A,B", help="Draw where two values of an axis differ; may be repeated."),
]


@app.command()
def run(
    scenario: Annotated[Path, typer.Argument(help="A scenario file, e.g. scenarios/classic.yaml.")],
    vary: Annotated[
        list[str],
        typer.Option("--vary", metavar="KEY=VALUES", help="An axis: a,b,c or LOW..HIGH:log16, :lin8; may be repeated."),
    ],
    seeds: Annotated[int, typer.Option(help="Repetitions of every point.", min=1, max=1000)] = 1,
    jobs: Jobs = 0,
    dask: Annotated[str, typer.Option(metavar="ADDRESS", help="A Dask scheduler whose workers do it.")] = "",
    diff: Diff = None,
    fresh: Fresh = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """Simulate a scenario at every point of a grid and draw who survives.

    Can be stopped at any time: the same command goes on from there.

    Example: netreserve sweep run scenarios/classic.yaml --vary policy=none,memalloc --vary floods.0.rate=1k..200k:log8
    """
    from controller.experiment.scenario import load
    from controller.experiment.scenario.axes import axis
    from controller.studies.sweep.difference import named
    from controller.studies.sweep.folder import SweepFolder
    from controller.studies.sweep.model import Plan

    axes = tuple(axis(text) for text in vary)
    plan = Plan(load(found(scenario)), axes, seeds)
    for pair in diff or ():
        named(plan, pair)
    for note in (each.note for each in axes if each.note):
        say(note)
    with closing(SweepFolder.start(studies_folder(out), plan, fresh=fresh)) as folder:
        broken = _compute(folder, jobs, dask, json=json)
        _conclude(folder, diff or [], json=json)
    if broken:
        more = f" and at {len(broken) - 1} more" if len(broken) > 1 else ""
        where = ", ".join(f"{key}={value}" for key, value in plan.point(broken[0].point).changes.items())
        raise HarnessError(f"netreserve failed at {where}{more}: {broken[0].message}")
    refused = [row.reason for row in folder.rows.values() if row.verdict == "invalid"]
    if len(refused) == plan.points:
        raise UsageError(f"not one point can be run: {refused[0]}")


@app.command()
def show(
    sweep: Annotated[
        str, typer.Argument(help="A sweep's folder, a scenario's name (its newest), or 'latest'.")
    ] = "latest",
    diff: Diff = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Draw what a sweep has so far, finished or not, and print it in short.

    Example: netreserve sweep show classic --diff none,memalloc
    """
    from controller.studies.sweep.folder import SweepFolder, newest

    _conclude(SweepFolder.read(newest(studies_folder(out), sweep)), diff or [], json=json)


def _compute(folder: SweepFolder, jobs: int, dask: str, *, json: bool) -> list[Broken]:
    """Computes what is missing; the points at which netreserve failed. Ctrl-C that comes when nothing is missing any more
    is too late to stop anything."""
    broken: list[Broken] = []
    with (
        resumable(partial(_kept, folder)),
        view_for(folder.plan.points, len(folder.rows), folder.path, json=json) as view,
    ):
        try:
            with closing(_computed(folder, jobs, dask)) as computed:
                for rows, failed in computed:
                    view.computed(rows)
                    broken += failed
        except KeyboardInterrupt:
            if folder.missing():
                raise
    return broken


def _computed(folder: SweepFolder, jobs: int, dask: str) -> Generator[tuple[list[Swept], list[Broken]], None, None]:
    """What is missing, chunk by chunk, kept already."""
    from controller.studies.sweep.chunks import chunks
    from controller.studies.sweep.model import Broken, Swept
    from controller.studies.sweep.work import carry_out
    from controller.studies.workers import Workers

    missing = folder.missing()
    if len(missing) >= WORTH_COMPILING and not dask and in_use() is None:
        say(f"in plain Python: a sweep takes a fraction of the time after `{COMMAND}`")
    with Workers(jobs, dask) as workers:
        pieces = chunks(folder.plan, missing, workers=workers.jobs)
        for _, results in workers.each(partial(carry_out, folder.plan.scenario), pieces):
            rows = [row for row in results if isinstance(row, Swept)]
            folder.append(rows)
            yield rows, [point for point in results if isinstance(point, Broken)]


def _kept(folder: SweepFolder) -> str:
    return (
        f"{len(folder.rows):,} of {folder.plan.points:,} points are kept in {folder.path}, and 'netreserve sweep show'"
        " draws what there is"
    )


def _conclude(folder: SweepFolder, diffs: list[str], *, json: bool) -> None:
    """Writes the table and the pictures, and tells of them."""
    from controller.report import phasepage
    from controller.studies.sweep import table
    from controller.studies.sweep.grid import grid

    written = [*table.write(folder.path, folder.plan, folder.rows), *phasepage.draw(folder, diffs)]
    lines = phasepage.summary(grid(folder.plan, folder.rows))
    verdicts: Counter[str] = Counter(row.verdict for row in folder.rows.values())
    if json:
        print_json(
            {
                "kind": "result", "folder": str(folder.path), "points": folder.plan.points, "computed": len(folder.rows),
                "verdicts": verdicts, "panels": lines, "files": [str(path) for path in written],
            }
        )  # fmt: skip
        return
    shown = Table("panel", "cells", "survive", "do not", "not decided", "seeds disagree", box=None, pad_edge=False)
    for line in lines:
        title = line.title or folder.plan.scenario.name
        figures = (line.cells, line.lives, line.ends, line.unknown, line.mixed)
        shown.add_row(escape(title), *map(str, figures))
    console().print(shown)
    told = ", ".join(f"{count:,} {name}" for name, count in verdicts.most_common()) or "none yet"
    print(f"{len(folder.rows):,} of {folder.plan.points:,} points: {told}")
    for path in written:
        print(f"    {path}")
