"""`netreserve doctor`: what this machine can do."""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table

from controller.cli.console import Json, console, print_json
from controller.here.doctor import Ability, Diagnosis, examine

STYLES = {"yes": "green", "no": "red", "unknown": "yellow"}


def doctor(json: Json = False) -> None:
    """Show what this machine can do.

    Exits with 3 when the container tier cannot run here.

    Example: netreserve doctor
    """
    diagnosis = examine()
    if json:
        print_json(diagnosis)
    else:
        _print(diagnosis)
    raise typer.Exit(diagnosis.exit_code)


def _print(diagnosis: Diagnosis) -> None:
    table = Table("what", "there", "found", "what for", box=None, pad_edge=False)
    for row in diagnosis.rows:
        there = f"[{STYLES[row.state]}]{row.state}[/]{' (needed)' if row.needed and row.state != 'yes' else ''}"
        table.add_row(row.what, there, escape(row.found), escape(_purpose(row)))
    out = console()
    out.print(table)
    for tier, answer in diagnosis.tiers.items():
        out.print(f"tier {tier}: {escape(answer)}")


def _purpose(row: Ability) -> str:
    return f"{row.why}; to do: {row.do}" if row.state != "yes" and row.do else row.why
