"""`netreserve kernels SCENARIO...`, short for `kernels run`, and `kernels show`: which kernel hangs on which card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.console import Json
from controller.cli.foresight import say_beforehand
from controller.cli.kernelviews import Matrix, MatrixView, Queue, told, view_for
from controller.cli.options import RunUnlessNamed, listed, parsed
from controller.cli.runs import Runs
from controller.cli.scenarios import found
from controller.cli.session import runs_folder
from controller.cli.studies import resumable
from controller.experiment import tiers
from controller.experiment.folders import KERNELS
from controller.studies.kernels.pace import Pace
from controller.studies.pages import marked
from nodes.errors import InconclusiveError, LackingError, UsageError
from nodes.machine.nic import NICS
from nodes.registry import did_you_mean
from nodes.units import SECOND_NS

if TYPE_CHECKING:  # what these import takes a second, and only this verb needs it
    from controller.experiment.scenario import Scenario
    from controller.studies.kernels.folder import TrialFolder
    from controller.studies.kernels.model import Asked, Key

NICS_ASKED = "e1000e,rtl8139,virtio-net,e1000,vmxnet3"
"""What QEMU models and Debian's generic kernel drives."""

app = typer.Typer(
    cls=RunUnlessNamed,
    help="Run a matrix of kernels, network cards and policies. 'kernels FILE' is short for 'kernels run FILE'.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Page = Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Also write the table there, as Markdown.")]


@app.command()
def run(
    scenarios: Annotated[list[Path], typer.Argument(help="Scenario files, e.g. scenarios/kernel-tcp.yaml.")],
    kernel: Annotated[str, typer.Option(help="Kernels of the image, with commas; without it the image's own.")] = "",
    nic: Annotated[str, typer.Option(help="Network cards, with commas.")] = NICS_ASKED,
    policy: Annotated[str, typer.Option(help="Policies, with commas.")] = "none,memalloc",
    repeat: Annotated[
        int, typer.Option(help="Trials that each place is to have, with those there are.", min=1, max=1000)
    ] = 1,
    tier: Annotated[
        str, typer.Option(help="What carries them out: kernel, or sim for what the model says.")
    ] = "kernel",
    again: Annotated[
        bool, typer.Option("--again", help="Try again what proved nothing or could not be tried.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Put aside what was tried before.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where it is kept: runs/kernels.")] = None,
    page: Page = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Run scenarios at every place of a matrix of kernels, network cards and policies, several times.

    Can be stopped at any time: the same command goes on from there, and a larger matrix in the same folder runs only what
    it has beyond: --repeat 5 where there are three trials of each place adds two. A trial that proves nothing does not
    count, and another one is run. A place that cannot be tried, such as a card that a kernel has no driver for, is told in
    its cell. How long all will take is told before it begins and after each trial.

    The exit code is 0 when every place is decided, 5 when some are not, 2 when there is no kernel of a name, 130 when it
    was interrupted.

    Example: netreserve kernels run scenarios/kernel-tcp.yaml --nic e1000e,rtl8139 --policy none,memalloc --repeat 3
    """
    from controller.experiment.scenario import load
    from controller.studies.kernels.folder import TrialFolder
    from controller.studies.kernels.model import Asked, Subject, unknown_kernels

    tiers.require(tier)
    if tier not in ("kernel", "sim"):
        raise UsageError(f"--tier {tier}: a matrix is of tier 'kernel', or of 'sim' to see what the model says")
    kernels = _kernels(kernel, tier)
    nics = listed("--nic", nic)
    for name in nics:
        if name not in NICS:
            raise UsageError(f"--nic: unknown card '{name}' ({did_you_mean(name, NICS)})")
    loaded = {file: load(file) for file in map(found, scenarios)}
    asked = Asked(
        subjects=tuple(Subject(name=each.name, digest=_digest(file)) for file, each in loaded.items()),
        kernels=kernels,
        nics=nics,
        policies=listed("--policy", policy),
        repeat=repeat,
        tier=tier,
    )
    by_name = {each.name: each for each in loaded.values()}
    if len(by_name) < len(loaded):
        raise UsageError("two of these scenarios have the same name: it is what tells them apart")
    for name in asked.policies:
        for each in by_name.values():
            each.with_policy(name)
    with TrialFolder.open(out or runs_folder(runs) / KERNELS, fresh=fresh) as folder:
        hindered = _carry_out(folder, asked, by_name, runs, again=again, json=json)
        cells = asked.cells(folder.trials)
        _conclude(folder.path, [(asked, cells)], page, json=json)
    if unknown := unknown_kernels(cells):
        raise UsageError(f"--kernel: {'; '.join(unknown.values())}")
    if hindered:
        raise _nothing_known(folder, asked, hindered)
    if not all(cell.decided for cell in cells):
        raise typer.Exit(InconclusiveError.exit_code)


def _kernels(asked: str, tier: str) -> tuple[str, ...]:
    """The names in `asked`; empty: the image's own kernel. Which names an image has, its nodes tell. Raises UsageError."""
    from controller.experiment.scenario.values import KERNEL_NAME

    if not asked:
        return ("",)
    if tier == "sim":
        raise UsageError("--kernel: in tier sim no kernel runs, and all would be the same: leave it out")
    return tuple(parsed("--kernel", name, KERNEL_NAME.parse) for name in listed("--kernel", asked))


@app.command()
def show(
    folder: Annotated[Path | None, typer.Argument(help="A matrix's folder; without it runs/kernels.")] = None,
    page: Page = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Draw all that a matrix's folder has so far, and print it.

    Example: netreserve kernels show
    """
    from controller.studies.kernels.folder import TrialFolder
    from controller.studies.kernels.model import asked_of, rows_tried

    found = TrialFolder.read(folder or runs_folder(runs) / KERNELS)
    asked = asked_of([*found.trials.values()])
    _conclude(found.path, [(each, rows_tried(each.cells(found.trials))) for each in asked], page, json=json)


def _carry_out(
    folder: TrialFolder, asked: Asked, scenarios: Mapping[str, Scenario], runs: Path | None, *, again: bool, json: bool
) -> dict[Key, str]:
    """Carries out what is missing. Answers what could not even begin, and why: nothing is known of that."""
    hindered: dict[Key, str] = {}
    missing = folder.missing(asked, again=again)
    pace = Pace(folder.trials.values(), _planned_s(scenarios, asked.tier))
    queue = Queue(folder=str(folder.path), done=sum(1 for _ in asked.order()) - len(missing), keys=missing, pace=pace)
    if missing and asked.tier != "sim":
        for each in scenarios.values():
            say_beforehand(each)
    with resumable(partial(_kept, folder)), view_for(queue, json=json) as view:
        while queue.keys:
            key = queue.keys.pop(0)
            _try(folder, key, scenarios[key.place.scenario], runs, view, hindered)
            if not queue.keys:  # trials that proved nothing are made up for
                queue.keys += [key for key in folder.missing(asked) if key not in hindered]
    return hindered


def _planned_s(scenarios: Mapping[str, Scenario], tier: str) -> dict[str, float]:
    """How long each scenario lasts by its own phases, which a simulator passes in no time."""
    return {} if tier == "sim" else {name: each.phases.total_ns / SECOND_NS for name, each in scenarios.items()}


def _kept(folder: TrialFolder) -> str:
    return f"{len(folder.trials)} trials are kept in {folder.path}, and 'netreserve kernels show' draws what there is"


def _try(
    folder: TrialFolder, key: Key, scenario: Scenario, runs: Path | None, view: MatrixView, hindered: dict[Key, str]
) -> None:
    """One trial, unless its place turned out to be one that cannot be tried."""
    from controller.experiment.scenario import dump
    from controller.studies.kernels import work
    from controller.studies.kernels.model import Trial

    if key.cell in folder.barred() and key not in folder.trials:
        return view.passed(key)
    view.begins(key)
    trial = work.refused(scenario, key)
    if trial is None:
        file = folder.write_scenario(key.place, dump(work.scenario_of(scenario, key)))
        ended = work.carry_out(file, key, scenario.seed, runs, view.heard)
        if not isinstance(ended, Trial):
            hindered[key] = ended.error
            return view.hindered(key, ended.error)
        trial = ended
    folder.append(trial)
    return view.ended(trial)


def _conclude(folder: Path, matrices: Sequence[Matrix], page: Path | None, *, json: bool) -> None:
    """Writes page and picture, and tells of them."""
    from controller.report import matrixpage

    written = matrixpage.draw(folder, matrices)
    if page is not None:
        marked.write(page, "matrix", matrixpage.markdown(matrices))
        written.append(page)
    told(folder, matrices, written, json=json)


def _nothing_known(folder: TrialFolder, asked: Asked, hindered: Mapping[Key, str]) -> Exception:
    """What to end with when trials could not begin."""
    first = next(iter(hindered.values()))
    if not any(cell.trials for cell in asked.cells(folder.trials)):
        return LackingError(f"not one trial could be carried out: {first}")
    return InconclusiveError(f"could not be carried out, and is not recorded: {len(hindered)} of the trials: {first}")


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
