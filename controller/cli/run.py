"""`netreserve run`: one scenario, from the file to the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from controller import tiers
from controller.api import Progress, StartRun
from controller.cli import here
from controller.cli.console import Json, say
from controller.cli.follow import Ended, follow
from controller.cli.foresight import say_beforehand, say_what_saves
from controller.cli.runs import Runs
from controller.cli.session import client, converse, own_testbed, runs_folder
from controller.cli.up import bring_up, heard
from controller.cli.views import view_for
from controller.interrupts import INTERRUPTED
from controller.scenario import Scenario, dump, load, override_policy
from controller.scenario.limits import require_in_kernel
from controller.testbed import GUESTS, Testbed, find_root
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
    experiment = load(scenario, tier)
    tiers.require(experiment.tier)
    if policy:
        experiment = override_policy(experiment, policy)
    require_in_kernel(experiment)
    if seed is not None:
        experiment = structs.replace(experiment, seed=seed)
    if experiment.tier == "sim":
        result = here.carry_out(experiment, runs, json=json, traced=trace)
        if not json:
            say_what_saves(result, experiment, as_written=True)
        raise typer.Exit(result.exit_code)
    if trace:
        raise UsageError(f"--trace: tier {experiment.tier} records no allocations, tier sim does")
    raise typer.Exit(_in_containers(experiment, str(scenario), runs, keep=keep, json=json))


def _in_containers(experiment: Scenario, file: str, runs: Path | None, *, keep: bool, json: bool) -> int:
    """The exit code of a run that the testbed's controller carries out: of what was checked here, whatever becomes of the
    file meanwhile. `file` is for messages."""
    if own_testbed():
        _prepare(experiment)
        say_beforehand(experiment)
    command = StartRun(scenario=dump(experiment), file=file, tier=experiment.tier)
    try:
        ended = converse(_conduct(command, runs, json=json))
        _tell(ended.last, runs, json=json)
    finally:
        if not keep and own_testbed():
            with heard() as line:
                Testbed(find_root(), line).down()
    result = ended.last.result
    assert result is not None
    if not json:
        say_what_saves(result, experiment, as_written=True)
    return INTERRUPTED if ended.interrupted else result.exit_code


def _prepare(scenario: Scenario) -> None:
    """Enough healthy containers, or LackingError. What runs already stays, with what it has beyond the need."""
    service = GUESTS if scenario.tier == "kernel" else "initiator"
    counts = {service: scenario.nodes.initiator.count, "target": scenario.nodes.target.count}
    testbed = Testbed(find_root())
    testbed.check()
    if not testbed.ready(counts):
        say(f"starting the testbed: {', '.join(f'{n} {service}' for service, n in counts.items())} ...")
        bring_up(counts, shrink=False)


async def _conduct(command: StartRun, runs: Path | None, *, json: bool) -> Ended:
    async with client(runs) as conversation:
        with view_for(json=json) as view:
            return await follow(conversation, command, view)


def _tell(last: Progress, runs: Path | None, *, json: bool) -> None:
    assert last.result is not None
    here.tell(last.result, runs_folder(runs) / last.folder, json=json)
