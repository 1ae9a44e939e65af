"""`netreserve runs ls | show`: what was recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from controller.cli.console import Json, console, print_json
from controller.cli.session import database_url, runs_folder
from controller.experiment.record import Result
from nodes.errors import HarnessError, InconclusiveError
from nodes.units import SECOND_NS

if TYPE_CHECKING:
    from controller.store.archive import Archive
    from controller.store.database import RunRow

app = typer.Typer(help="List the recorded runs, or show one.", no_args_is_help=True, rich_markup_mode=None)
Run = Annotated[
    str,
    typer.Argument(help="A run's id or how it begins, a scenario's name (its newest), or 'latest'."),
]
Runs = Annotated[Path | None, typer.Option("--runs", metavar="DIR", help="Where runs are kept (NETRESERVE_RUNS).")]


@app.command("ls")
def list_runs(runs: Runs = None, json: Json = False) -> None:
    """List all runs, the newest first.

    With --json one object a line.

    Example: netreserve runs ls
    """
    archive = _archive(runs_folder(runs))
    rows = archive.list()
    archive.close()
    if json:
        for row in rows:
            print_json(row)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("run", "scenario", "policy", "tier", "started (UTC)", "lasted", "verdict", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(escape, _cells(row)))
    console().print(table)


@app.command()
def show(run: Run = "latest", runs: Runs = None, json: Json = False) -> None:
    """Show a run's verdict, why, and what was expected.

    Example: netreserve runs show classic
    """
    folder, result = load_result(run, runs)
    if json:
        print_json(result)
    else:
        from controller.cli.summary import print_summary

        print_summary(result, folder)


def load_result(name: str, runs: Path | None) -> tuple[Path, Result]:
    """The folder and result of the run that `name` means. Raises UsageError for an unknown one, InconclusiveError while
    it goes on, saying when it will be there, HarnessError when what was written cannot be read."""
    folder, row = runs_folder(runs), find_run(name, runs)
    path = folder / row.folder / "result.json"
    try:
        return path.parent, msgspec.json.decode(path.read_bytes(), type=Result)
    except FileNotFoundError:
        if row.ended_ns is None:
            from controller.cli.unfinished import when_there  # here: it talks to the broker, which few verbs need

            why = "it still goes on" if row.tier == "sim" else when_there(row.run)
            raise InconclusiveError(f"run {row.run} has no result yet: {why}") from None
        raise HarnessError(f"run {row.run} has no {path}: was it deleted?") from None
    except (msgspec.DecodeError, OSError) as error:
        raise HarnessError(f"{path} cannot be read: {error}") from None


def find_run(name: str, runs: Path | None) -> RunRow:
    """The run that `name` means. Raises UsageError for an unknown one."""
    archive = _archive(runs_folder(runs))
    try:
        return archive.find(name)
    finally:
        archive.close()


def _archive(folder: Path) -> Archive:
    from controller.store.archive import Archive  # here: SQLAlchemy takes half a second, and few verbs need it

    return Archive(folder, database_url())


def _cells(row: RunRow) -> tuple[str, ...]:
    started = f"{datetime.fromtimestamp(row.started_ns / SECOND_NS, UTC):%Y-%m-%d %H:%M:%S}"
    lasted = f"{(row.ended_ns - row.started_ns) / SECOND_NS:.0f} s" if row.ended_ns else "-"
    return row.run, row.scenario, row.policy or "-", row.tier, started, lasted, row.verdict or "still running"
