"""`netreserve compare`: recorded runs, or policies of a scenario, side by side."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from controller.cli.console import Json, console, print_json, say
from controller.cli.runs import Runs, load_result
from controller.cli.scenarios import found
from controller.cli.session import runs_folder
from controller.cli.studies import Fresh, Jobs, Out, resumable, studies_folder
from controller.experiment.folders import COMPARISONS
from controller.experiment.scenario import Scenario, dump, load
from controller.experiment.scenario.model import SEEDS_MAX
from controller.store.whole import write_whole
from controller.studies.comparison.subjects import FORM, Comparison, difference_rows, of_policies, of_runs, table
from controller.studies.rows import Rows, place
from controller.studies.workers import Workers
from nodes.errors import HarnessError

SEEDS_DEFAULT = 5


def compare(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Runs as in 'runs show'; with --scenario, policies.")
    ],
    scenario: Annotated[Path | None, typer.Option(help="Compare policies of this scenario, in the simulator.")] = None,
    seeds: Annotated[
        int, typer.Option(help="Seeds of each policy, from the scenario's own on.", min=1, max=SEEDS_MAX)
    ] = SEEDS_DEFAULT,
    jobs: Jobs = 0,
    fresh: Fresh = False,
    out: Out = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Compare runs, or policies of a scenario: one table, one timeline, the differences.

    Simulations can be stopped at any time: the same command goes on from there.

    Example: netreserve compare none memalloc --scenario scenarios/classic.yaml
    """
    if scenario is None:
        made = of_runs([load_result(name, runs)[0] for name in names])
    else:
        made = _simulated(load(found(scenario)), names, seeds, jobs, out, fresh=fresh)
    folder = _write(made, runs_folder(runs))
    if json:
        print_json(_plain(made, folder))
    else:
        _print(made, folder)


def _simulated(
    experiment: Scenario, names: list[str], seeds: int, jobs: int, out: Path | None, *, fresh: bool
) -> Comparison:
    file = place(studies_folder(out), experiment.name, "compare", dump(experiment))
    with (
        Rows.open(file, FORM, fresh=fresh) as rows,
        resumable(lambda: f"{len(rows.by_key)} runs are kept in {file.parent}"),
        Workers(jobs) as workers,
    ):
        return of_policies(
            experiment, names, seeds, workers, rows, lambda done, of: say(f"{done} of {of} runs are simulated")
        )


def _write(made: Comparison, runs: Path) -> Path:
    """comparison.html and comparison.png in a new folder below the runs."""
    from controller.report import overlay  # here: the library of charts takes half a second to load

    folder = runs / COMPARISONS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    try:
        folder.mkdir(parents=True)
        write_whole(folder / "comparison.html", overlay.page(made))
        write_whole(folder / "comparison.png", overlay.png(made))
    except OSError as error:
        raise HarnessError(f"{folder} cannot be written: {error.strerror}") from None
    return folder


def _print(made: Comparison, folder: Path) -> None:
    out = console()
    labels = [subject.label for subject in made.subjects]
    _show(["", *labels], table(made))
    out.print(escape(f"\ndifferences from {labels[0]} (* leaves out 0). {made.how}."), soft_wrap=True)
    _show(["", *labels[1:]], difference_rows(made))
    out.print(escape(f"\ntimeline: {folder / 'comparison.html'} (and comparison.png)"), soft_wrap=True)


def _show(headings: list[str], rows: list[tuple[str, ...]]) -> None:
    shown = Table(*map(escape, headings), box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*map(escape, row))
    console().print(shown)


def _plain(made: Comparison, folder: Path) -> dict[str, Any]:
    return {
        "title": made.title,
        "how": made.how,
        "subjects": [{"label": subject.label, "runs": subject.runs} for subject in made.subjects],
        "differences": made.differences,
        "page": str(folder / "comparison.html"),
        "picture": str(folder / "comparison.png"),
    }
