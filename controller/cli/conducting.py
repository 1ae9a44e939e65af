"""`netreserve run` on the testbed: its controller carries it out, here it is followed."""

from __future__ import annotations

from pathlib import Path

from controller.api import Progress, StartRun
from controller.cli import simulating as here
from controller.cli.console import say
from controller.cli.follow import Ended, follow
from controller.cli.foresight import say_beforehand, say_what_saves
from controller.cli.session import client, converse, own_testbed, runs_folder
from controller.cli.up import bring_up, heard
from controller.cli.views import view_for
from controller.experiment.exitcodes import EXIT_INTERRUPTED
from controller.experiment.scenario import Scenario, dump
from controller.here.testbed import GUESTS, Testbed, find_root


def carry_out(experiment: Scenario, file: str, runs: Path | None, *, as_written: bool, keep: bool, json: bool) -> int:
    """The exit code of a run that the testbed's controller carries out: of what was checked here, whatever becomes of the
    file meanwhile. `file` is for messages; `as_written`: the arms of `experiment` hold for it."""
    if own_testbed():
        _prepare(experiment)
        if not json:  # as what would save it afterwards: words for a person, which take seconds to find
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
        say_what_saves(result, experiment, as_written=as_written)
    return EXIT_INTERRUPTED if ended.interrupted else result.exit_code


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
