"""`netreserve run`: one scenario, from the file to the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from controller import tiers
from controller.cli.console import Json
from controller.cli.runs import Runs
from controller.cli.scenarios import found
from controller.scenario import load, override_policy
from controller.scenario.limits import require_in_kernel
from nodes.errors import UsageError


def run(
    scenario: Annotated[Path, typer.Argument(help="A scenario file, e.g. scenarios/classic.yaml.")],
    tier: Annotated[str, typer.Option(help=f"What carries it out, one of: {', '.join(tiers.TIERS)}.")] = "",
    policy: Annotated[str, typer.Option(help="Instead of the scenario's own, e.g. none or memalloc+srog.")] = "",
    seed: Annotated[int | None, typer.Option(help="Instead of the scenario's own.", min=0)] = None,
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

    Example: netreserve run scenarios/classic.yaml --policy none
    """
    if tier:
        tiers.require(tier)
    scenario = found(scenario)
    experiment = load(scenario, tier)
    tiers.require(experiment.tier)
    if policy:
        experiment = override_policy(experiment, policy)
    require_in_kernel(experiment)
    if seed is not None:
        experiment = structs.replace(experiment, seed=seed)
    if experiment.tier == "sim":
        from controller.cli import here  # one of the two is needed, and takes its time to load

        raise typer.Exit(here.carry_out(experiment, runs, json=json, traced=trace))
    if trace:
        raise UsageError(f"--trace: tier {experiment.tier} records no allocations, tier sim does")
    from controller.cli import there

    raise typer.Exit(there.carry_out(experiment, str(scenario), runs, keep=keep, json=json))
