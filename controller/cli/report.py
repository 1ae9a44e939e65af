"""`netreserve report`: where a run's report is, and what it says in short."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from controller.cli.console import Json, print_json
from controller.cli.runs import Run, Runs, load_result
from controller.cli.summary import print_summary
from nodes.errors import HarnessError


def report(
    run: Run = "latest",
    open_it: Annotated[bool, typer.Option("--open", help="Show the report in a browser.")] = False,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Print what a run showed and where its report is.

    Example: netreserve report classic --open
    """
    folder, result = load_result(run, runs)
    page = (folder / "report.html").resolve()
    if not page.is_file():
        raise HarnessError(f"run {result.run} has no {page}: the controller's log tells why it was not written")
    if json:
        print_json({"run": result.run, "report": str(page), "result": result})
    else:
        print_summary(result, folder)
    if open_it and not webbrowser.open(page.as_uri()):
        raise HarnessError(f"no browser could be started: open {page} yourself")
