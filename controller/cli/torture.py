"""`netreserve torture`: random experiments, and whether what is promised of every one of them holds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from controller.cli.console import Json, console, print_json, say
from controller.cli.studies import Jobs
from controller.experiment.exitcodes import EXIT_MET, EXIT_NOT_MET
from controller.experiment.scenario import to_yaml
from controller.studies.shrink.keys import brief
from controller.studies.torture.draw import SEED_MAX
from controller.studies.torture.study import Examined, Tortured, examined, shrunk
from controller.studies.torture.study import torture as torture_study
from controller.studies.workers import Workers
from nodes.errors import HarnessError, UsageError

TIERS = ("sim",)
MINUTES_DEFAULT = 1.0
MINUTES_MAX = 24 * 60.0


def torture(
    minutes: Annotated[
        float, typer.Option(help="How long; what was begun is finished.", min=0.0, max=MINUTES_MAX)
    ] = MINUTES_DEFAULT,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.", min=0, max=SEED_MAX)] = 1,
    tier: Annotated[str, typer.Option(help=f"What carries them out, one of: {', '.join(TIERS)}.")] = "sim",
    most: Annotated[int, typer.Option("--most", metavar="N", help="At most so many; 0: any number.", min=0)] = 0,
    only: Annotated[
        int | None, typer.Option("--only", metavar="N", help="Experiment N of the seed alone.", min=0)
    ] = None,
    jobs: Jobs = 0,
    json: Json = False,
) -> None:
    """Try random scenarios, policies and faults, and check what must hold in each.

    Each experiment is simulated in full, under another name, and in brief: pages conserved, data intact, the same again,
    and a verdict that the record bears out. What breaks a promise is shrunk and written to a scenario file here.

    Exits with 1 when a promise broke.

    Example: netreserve torture --minutes 5 --seed 1
    """
    if tier not in TIERS:
        raise UsageError(f"--tier {tier}: random experiments are simulated, in tier sim")
    if only is not None:
        found = examined((seed, only))
        done = Tortured(seed=seed, experiments=1, verdicts={found.verdict or "broken": 1}, broken=_broken(found))
    else:
        done = _session(seed, minutes, most, jobs)
    files = [_write(found) for found in done.broken]
    if json:
        print_json({"tortured": done, "files": files})
    else:
        _print(done, files)
    raise typer.Exit(EXIT_NOT_MET if done.broken else EXIT_MET)


def _session(seed: int, minutes: float, most: int, jobs: int) -> Tortured:
    until_s = time.monotonic() + 60 * minutes

    def goes_on(count: int) -> bool:
        return count == 0 or (time.monotonic() < until_s and (not most or count < most))

    with Workers(jobs) as workers:
        return torture_study(seed, workers, goes_on, _heard)


def _heard(found: Examined, count: int) -> None:
    if found.promise:
        say(f"experiment {found.number} broke '{found.promise}': {found.told}\n  {found.replay}")
    elif count % 100 == 0:
        say(f"{count} experiments, the last one {found.verdict}")


def _broken(found: Examined) -> tuple[Examined, ...]:
    return (found,) if found.promise else ()


def _write(found: Examined) -> str:
    """The least that breaks the same promise, in a file of its own."""
    say(f"shrinking experiment {found.number} ...")
    path = Path(f"torture-{found.seed}-{found.number}.yaml")
    head = f"# breaks '{found.promise}': {found.told}\n# {found.replay}\n".replace("\r", " ")
    try:
        path.write_text(head + to_yaml(brief(shrunk(found))), encoding="utf-8")
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror}") from None
    return str(path)


def _print(done: Tortured, files: list[str]) -> None:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(done.verdicts.items()))
    lines = [f"{done.experiments} experiments of seed {done.seed}: {counts}"]
    lines += [f"broken: {found.promise}: {found.told}\n  again: {found.replay}" for found in done.broken]
    lines += [f"the least that shows it: {name}" for name in files]
    lines += [] if done.broken else ["every promise held"]
    for line in lines:
        console().print(escape(line), soft_wrap=True)
