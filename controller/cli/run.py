"""`netreserve run`: one scenario, from the file to the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.console import Json
from controller.cli.runs import Runs
from controller.cli.scenarios import found
from controller.experiment import tiers
from controller.experiment.scenario import load
from controller.experiment.scenario.model import SEED_END
from controller.experiment.scenario.vary import assignments
from nodes.errors import UsageError

ARMS_HOLD = {"policy", "seed"}
"""What may be changed of a scenario without its arms becoming untrue: they say what policies do, whatever the seed."""


def run(
    scenario: Annotated[Path, typer.Argument(help="A scenario file, e.g. scenarios/classic.yaml.")],
    tier: Annotated[str, typer.Option(help=f"What carries it out, one of: {', '.join(tiers.TIERS)}.")] = "",
    policy: Annotated[str, typer.Option(help="Instead of the scenario's own, e.g. none or memalloc+srog.")] = "",
    seed: Annotated[int | None, typer.Option(help="Instead of the scenario's own.", min=0, max=SEED_END - 1)] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another setting, e.g. floods.0.rate=10k; may be repeated."),
    ] = None,
    runs: Runs = None,
    keep: Annotated[bool, typer.Option("--keep/--down", help="What becomes of the containers afterwards.")] = True,
    trace: Annotated[
        bool, typer.Option("--trace", help="Record what is asked of packet allocators too (tier sim).")
    ] = False,
    json: Json = False,
) -> None:
    """Run a scenario and judge it.

    In tier sim (the default) it is simulated here and now. In tiers container and kernel the testbed is started when it is
    not up, unless NETRESERVE_BROKER names another one.

    The exit code is the result's: 0 expectations met, 1 not met, 5 inconclusive, 6 harness fault, 130 interrupted.

    Example: netreserve run scenarios/classic.yaml --policy none --set floods.0.rate=10k
    """
    if tier:
        tiers.require(tier)
    scenario = found(scenario)
    changes = _changes(settings or [], policy, seed)
    experiment, as_written = load(scenario, tier, changes), ARMS_HOLD.issuperset(changes)
    if experiment.tier == "sim":
        from controller.cli import simulating as here  # one of the two is needed, and takes its time to load

        raise typer.Exit(here.carry_out(experiment, runs, as_written=as_written, json=json, traced=trace))
    if trace:
        raise UsageError(f"--trace: tier {experiment.tier} records no allocations, tier sim does")
    from controller.cli import conducting as there

    raise typer.Exit(there.carry_out(experiment, str(scenario), runs, as_written=as_written, keep=keep, json=json))


def _changes(settings: list[str], policy: str, seed: int | None) -> dict[str, object]:
    """What the options change of the file."""
    options: dict[str, object] = {"policy": policy} if policy else {}
    if seed is not None:
        options["seed"] = seed
    asked = assignments(settings)
    if twice := next((key for key in options if key in asked), ""):
        raise UsageError(f"--{twice} and --set {twice}: one of them is enough")
    return asked | options
