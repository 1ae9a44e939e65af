"""`netreserve report`: where a run's report is, and what it says in short."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.console import Json, print_json
from controller.cli.runs import Run, Runs, find_run, load_result
from controller.cli.summary import print_summary
from controller.cli.unfinished import still_due, wait_for
from controller.experiment.folders import LATEST
from controller.experiment.record import Result
from nodes.errors import HarnessError, InconclusiveError, LackingError, UsageError
from nodes.registry import did_you_mean

FORMATS = ("ktap", "markdown")


def report(
    run: Run = "latest",
    open_it: Annotated[bool, typer.Option("--open", help="Show the report in a browser.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="First wait for a run that still goes on to end.")] = False,
    form: Annotated[
        str, typer.Option("--format", help=f"Only the result, for another program: {' or '.join(FORMATS)}.")
    ] = "",
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Print what a run showed and where its report is.

    A run by hand has its result 15 s after its last flood, or later if the verdict needs it: --wait waits for that.

    Example: netreserve report classic --open
    """
    if wait:
        _wait(run, runs)
    folder, result = load_result(run, runs)
    if form:
        print(_in_short(form, result), end="")
        return
    page = (folder / "report.html").resolve()
    if not page.is_file():
        if result.tier != "sim" and (due := still_due(result.run)):
            raise InconclusiveError(f"the report of run {result.run} is not there yet: {due}")
        raise HarnessError(f"run {result.run} has no {page}: {_why_none(folder, result)}")
    if json:
        print_json({"run": result.run, "report": str(page), "result": result})
    else:
        print_summary(result, folder)
    if open_it and not webbrowser.open(page.as_uri()):
        raise LackingError(f"no browser can be started here: open {page} in one, or copy it to where there is one")


def _in_short(form: str, result: Result) -> str:
    from controller.report import summaries  # here: drawing libraries come with it

    if form not in FORMATS:
        raise UsageError(f"--format: unknown value '{form}' ({did_you_mean(form, list(FORMATS))})")
    return summaries.ktap(result) if form == "ktap" else summaries.markdown(result)


def _why_none(folder: Path, result: Result) -> str:
    if result.tier == "sim":
        return f"its drawing failed or was interrupted; `netreserve run {folder}/scenario.yaml` draws the same run anew"
    return "the controller's log tells why it was not written"


def _wait(run: str, runs: Path | None) -> None:
    """`latest` may not have begun, or may be followed by another: then all that goes on is waited for."""
    row = None if run == LATEST else find_run(run, runs)
    if row is None or (row.ended_ns is None and row.tier != "sim"):
        wait_for(row.run if row else "")
