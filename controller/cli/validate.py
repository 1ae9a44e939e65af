"""`netreserve validate`: everything that is wrong with scenarios, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.console import Json, complain, print_json, tell
from controller.cli.scenarios import found
from controller.experiment import tiers
from controller.experiment.plan import plan
from controller.experiment.planwords import described
from controller.experiment.scenario import Scenario, ScenarioErrors, load
from controller.experiment.scenario.limits import beyond
from nodes.errors import ScenarioError


def validate(
    scenarios: Annotated[list[Path], typer.Argument(help="Scenario files.")],
    tier: Annotated[
        str,
        typer.Option(help=f"Whether this can carry it out, one of: {', '.join(tiers.TIERS)}; else the scenario's own."),
    ] = "",
    json: Json = False,
) -> None:
    """Check scenario files and say what each would run, and which tiers can run it.

    Exits with 2 when one of them cannot be run.

    Example: netreserve validate scenarios/*.yaml
    """
    if tier:
        tiers.require(tier)
    good = [_check(path, tier, json=json) for path in scenarios]
    raise typer.Exit(0 if all(good) else ScenarioError.exit_code)


def _check(path: Path, tier: str, *, json: bool) -> bool:
    try:
        scenario = load(found(path), tier)
    except ScenarioError as error:
        if json:
            print_json({"file": str(path), "ok": False, "errors": _errors(error)})
        else:
            complain(str(error))
        return False
    told = {name: [f"{key}: {problem}" for key, problem in beyond(scenario, name)] for name in tiers.TIERS}
    if json:
        print_json({"file": str(path), "ok": True, "errors": [], "tiers": told, "scenario": scenario})
    else:
        _print(path, scenario, told)
    return True


def _print(path: Path, scenario: Scenario, told: Mapping[str, Sequence[str]]) -> None:
    tell(f"{path}: can be run")
    for line in described(plan(scenario)):
        tell(f"    {line}")
    tell(f"    in tier: {', '.join(name for name, problems in told.items() if not problems)}")
    for name, problems in told.items():
        for problem in problems:
            tell(f"    not in tier {name}: {problem}")


def _errors(error: ScenarioError) -> list[dict[str, object]]:
    each = error.errors if isinstance(error, ScenarioErrors) else (error,)
    return [{"line": e.line, "path": e.path, "message": e.message, "hint": e.hint} for e in each]
