"""`netreserve replay`: a recorded run, simulated again."""

from __future__ import annotations

import typer
from rich.markup import escape

from controller.cli.console import Json, console, print_json, say
from controller.cli.runs import Run, Runs, load_result
from controller.store.recorded import read_run
from controller.studies.replay import describe
from controller.studies.replay import replay as replay_run


def replay(run: Run = "latest", runs: Runs = None, json: Json = False) -> None:
    """Simulate a recorded run again: is everything as it was?

    A simulated run must be identical to the last sample; of a run on containers the verdict is compared.

    Exits with 1 when it is not the same.

    Example: netreserve replay classic
    """
    folder, _ = load_result(run, runs)
    recorded = read_run(folder)
    say(f"simulating {recorded.result.scenario} with seed {recorded.result.seed} ...")
    done = replay_run(recorded)
    if json:
        print_json(done)
    else:
        console().print(escape(f"{done.run}: {describe(done)}"), soft_wrap=True)
    raise typer.Exit(0 if done.same else 1)
