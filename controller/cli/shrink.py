"""`netreserve shrink`: the smallest scenario that still ends with the same verdict and the same cycle."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from controller.cli.console import Json, console, print_json, say
from controller.cli.runs import Runs, load_result
from controller.cli.scenarios import found
from controller.cli.studies import Fresh, resumable, studies_folder
from controller.experiment.scenario import Scenario, dump, load, override_policy, to_yaml
from controller.store.recorded import read_run
from controller.studies.rows import Rows, place
from controller.studies.shrink.keys import brief
from controller.studies.shrink.search import RUNS_MOST, Shrinker, Shrunk
from controller.studies.trials import cycle_text, try_out
from controller.studies.tried import FORM, Tried
from controller.studies.workers import Workers
from nodes.errors import HarnessError, LackingError, ScenarioError, UsageError


def shrink(
    what: Annotated[
        str, typer.Argument(metavar="RUN|SCENARIO", help="A scenario file, or a recorded run as in 'runs show'.")
    ],
    policy: Annotated[str, typer.Option(help="Instead of the scenario's own.")] = "",
    out: Annotated[Path | None, typer.Option(help="The file to write; without it NAME-shrunk.yaml here.")] = None,
    most: Annotated[
        int, typer.Option("--most", metavar="N", help="Simulate so many candidates at most.", min=2)
    ] = RUNS_MOST,
    fresh: Fresh = False,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Find the smallest scenario that still gives the same verdict with the same cycle.

    Writes it to a new file: nothing is overwritten. Can be stopped at any time: the same command goes on from there.

    Example: netreserve shrink scenarios/classic.yaml --policy none
    """
    if out is not None and out.exists():
        raise UsageError(f"--out {out}: it is there already, and nothing is overwritten: name another file")
    scenario, recorded = _read(what, runs)
    if policy:
        scenario = override_policy(scenario, policy)
    file = place(studies_folder(), scenario.name, "shrink", dump(scenario))
    with (
        Rows.open(file, FORM, fresh=fresh) as rows,
        resumable(lambda: f"{len(rows.by_key)} runs are kept in {file.parent}"),
        Workers(1) as workers,
    ):
        shrunk = _shrunk(scenario, most, Tried(workers, rows, try_out), "" if policy else recorded, what)
    path = _write(shrunk, out)
    if json:
        print_json({"file": str(path), "shrunk": shrunk})
    else:
        _print(shrunk, path)


def _shrunk(scenario: Scenario, most: int, tried: Tried, recorded: str, what: str) -> Shrunk:
    shrinker = Shrinker(
        scenario,
        runs_most=most,
        simulator=tried.one,
        progress=lambda done, told: say(f"run {done} of {most} at most: {told}"),
    )
    if recorded and shrinker.target.verdict != recorded:
        raise UsageError(
            f"{what} was {recorded}, and the simulator says {shrinker.target.verdict}: there is nothing to shrink towards;"
            " shrink the scenario's file for what the simulator says"
        )
    say(f"sought: {_sought(shrinker)}")
    return shrinker.shrink()


def _read(what: str, runs: Path | None) -> tuple[Scenario, str]:
    """The scenario, and the verdict of the run that it comes from (empty: it is a file)."""
    if Path(what).is_file():
        return load(what), ""
    if Path(what).suffix in (".yaml", ".yml"):
        raise UsageError(f"no such scenario file: {what}")
    try:
        folder, result = load_result(what, runs)
    except (LackingError, UsageError):  # no such run: is it a scenario's name?
        with contextlib.suppress(ScenarioError):
            return load(found(Path(what))), ""
        raise
    return read_run(folder).scenario(), result.verdict


def _sought(shrinker: Shrinker) -> str:
    target = shrinker.target
    return f"{target.verdict}, {cycle_text(target.cycle)}" if target.cycle else f"{target.verdict}, without a cycle"


def _write(shrunk: Shrunk, out: Path | None) -> Path:
    """A new file in any case."""
    head = f"# {shrunk.verdict} in the sim tier{'' if shrunk.complete else '; perhaps not the smallest yet'}\n"
    name = shrunk.scenario.name
    names = [out] if out else [Path(f"{name}.yaml"), *(Path(f"{name}-{number}.yaml") for number in range(2, 1000))]
    for path in names:
        try:
            with path.open("x", encoding="utf-8") as stream:
                stream.write(head + to_yaml(brief(shrunk.scenario)))
            return path
        except FileExistsError:
            continue
        except OSError as error:
            raise HarnessError(f"{path} cannot be written: {error.strerror}") from None
    raise UsageError(f"{names[-1]} and all before it are there already: name a file with --out")


def _print(shrunk: Shrunk, path: Path) -> None:
    end = "nothing more can go" if shrunk.complete else "the bound on runs was reached: more may go (--most)"
    lines = [f"{shrunk.verdict} still, after {shrunk.runs} runs; {end}"]
    if shrunk.cycle:
        lines.append(f"the cycle: {cycle_text(shrunk.cycle)}")
    left = "needed" if shrunk.complete else "left (not all of it was tried without)"
    for title, items in ((left, shrunk.kept), ("smaller", shrunk.smaller), ("made no difference", shrunk.dropped)):
        lines += [f"{title}:", *(f"  {item}" for item in items)] if items else []
    lines.append(f"written: {path}")
    for line in lines:
        console().print(escape(line), soft_wrap=True)
