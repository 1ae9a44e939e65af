"""`netreserve validate`: everything that is wrong with scenarios, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.console import Json, complain, print_json
from controller.cli.scenarios import found
from controller.plan import plan
from controller.scenario import ScenarioErrors, load
from nodes.errors import ScenarioError


def validate(
    scenarios: Annotated[list[Path], typer.Argument(help="Scenario files.")],
    json: Json = False,
) -> None:
    """Check scenario files and say what each would run.

    Exits with 2 when one of them cannot be run.

    Example: netreserve validate scenarios/*.yaml
    """
    good = [_check(path, json=json) for path in scenarios]
    raise typer.Exit(0 if all(good) else ScenarioError.exit_code)


def _check(path: Path, *, json: bool) -> bool:
    try:
        scenario = load(found(path))
    except ScenarioError as error:
        if json:
            print_json({"file": str(path), "ok": False, "errors": _errors(error)})
        else:
            complain(str(error))
        return False
    if json:
        print_json({"file": str(path), "ok": True, "errors": [], "scenario": scenario})
    else:
        print(f"{path}: can be run")
        for line in plan(scenario).describe():
            print(f"    {line}")
    return True


def _errors(error: ScenarioError) -> list[dict[str, object]]:
    each = error.errors if isinstance(error, ScenarioErrors) else (error,)
    return [{"line": e.line, "path": e.path, "message": e.message, "hint": e.hint} for e in each]
