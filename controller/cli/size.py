"""`netreserve size`: the smallest reserve that survives, by simulation, beside the sum that theory gives."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from controller.cli.console import Json, console, print_json, say
from controller.cli.options import listed
from controller.cli.scenarios import found
from controller.cli.studies import Fresh, Jobs, Out, resumable, studies_folder
from controller.experiment.exitcodes import EXIT_INCONCLUSIVE
from controller.experiment.scenario import Scenario, dump, load
from controller.experiment.scenario.policies import policy_text, read_policy
from controller.studies.rows import Rows, place
from controller.studies.size.advised import asked_of
from controller.studies.size.search import Level, Progress
from controller.studies.size.sequential import SequentialTest
from controller.studies.size.study import Sized, agreement, sentence, study
from controller.studies.trials import Goal, try_out
from controller.studies.tried import FORM, Kept, Tried
from controller.studies.workers import Workers
from nodes.errors import UsageError
from nodes.machine.minfree import SHARE_MOST
from nodes.machine.policies import POLICIES
from nodes.units import PAGE_BYTES, format_bytes, parse_size_bytes

EVERY = "all"
DONE: dict[Goal, str] = {"survival": "survived", "no-failures": "survived without a failed allocation"}


def size(
    scenario: Annotated[Path, typer.Argument(help="A scenario file, e.g. scenarios/classic.yaml.")],
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="Instead of the scenario's own; with commas or repeated; 'all': every policy.", metavar="NAME"
        ),
    ] = None,
    confidence: Annotated[float, typer.Option(help="How sure the answer must be.")] = 0.95,
    survive: Annotated[float, typer.Option(help="Share of seeds that must survive.")] = 0.95,
    goal: Annotated[
        Goal, typer.Option(help="What a run must come to: to survive, or that and no failed allocation in reception.")
    ] = "survival",
    memory: Annotated[
        str | None,
        typer.Option(help="Of the real machine, where the scenario's is smaller, e.g. '16 GiB'.", metavar="SIZE"),
    ] = None,
    huge_pages: Annotated[
        bool,
        typer.Option(
            "--huge-pages/--no-huge-pages",
            help="Whether transparent huge pages may be on: the kernel then wants a larger reserve.",
        ),
    ] = True,
    jobs: Jobs = 0,
    fresh: Fresh = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """Find a reserve (vm.min_free_kbytes) to set: the smallest that survives, never below what Linux itself asks for.

    Says what decided, how sure it is, and what theory gives as a sum. Can be stopped at any time: the same command goes on
    from there.

    Exits with 1 when there is a policy that no reserve lets survive, with 5 when nothing is known of one.

    Example: netreserve size scenarios/classic.yaml --policy memalloc --policy mainline
    """
    experiment = load(found(scenario))
    test = SequentialTest(survive=survive, confidence=confidence)
    names = listed("--policy", ",".join(policy)) if policy else (policy_text(experiment.policy),)
    if names == (EVERY,):
        names = tuple(POLICIES)
    specs = [read_policy(name, experiment.policy) for name in names]
    memory_kib = _memory_kib(memory, experiment)
    asked = asked_of(memory_kib, huge_pages=huge_pages)
    sized: list[Sized] = []
    with Workers(jobs) as workers:
        for spec in specs:
            file = place(studies_folder(out), experiment.name, "size", dump(experiment), policy_text(spec))
            with Rows.open(file, FORM, fresh=fresh) as rows, resumable(partial(_kept, rows)):
                tried = Tried(workers, rows, try_out)
                told = _told(policy_text(spec))
                sized.append(
                    study(experiment, spec, test, tried.all, goal=goal, asked=asked, batch=workers.jobs, progress=told)
                )
            if not json:
                _print(sized[-1], memory_kib)
    if json:
        said = {"scenario": experiment.name, "goal": goal, "test": test.describe()}
        print_json(said | {"policies": [_plain(item) for item in sized]})
    else:
        console().print(escape(f"{test.describe()}."), soft_wrap=True)
    if not all(item.advice.known for item in sized):
        raise typer.Exit(EXIT_INCONCLUSIVE)
    raise typer.Exit(1 if any(item.advice.min_free_kib is None for item in sized) else 0)


def _memory_kib(asked: str | None, experiment: Scenario) -> int:
    """Of the machine that is to be advised. Raises UsageError."""
    if asked is None:
        return experiment.nodes.initiator.memory_pages * PAGE_BYTES >> 10
    try:
        asked_bytes = parse_size_bytes(asked)
    except ValueError as error:
        raise UsageError(f"--memory {asked}: {error}") from None
    if asked_bytes < (least_bytes := experiment.nodes.initiator.memory_pages * PAGE_BYTES):
        least = format_bytes(least_bytes)
        raise UsageError(f"--memory {asked}: less than the {least} of the scenario: it is for a real machine with more")
    return asked_bytes >> 10


def _kept(rows: Rows[str, Kept]) -> str:
    return f"{len(rows.by_key)} runs are kept in {rows.path.parent}"


def _told(policy: str) -> Progress:
    def progress(level: Level, runs: int) -> None:
        say(
            f"{policy}: min_free {_size(level.pages)}: {level.decided}, {level.met} of {len(level.trials)} runs"
            f" {DONE[level.goal]} ({runs} runs so far)"
        )

    return progress


def _print(item: Sized, memory_kib: int) -> None:
    out = console()
    for line in (*_advised(item, memory_kib), *_lines(item)):
        out.print(escape(line), soft_wrap=True)
    table = Table("consumer", "how it is made up", "pages", "seen at most", "physics.md", box=None, pad_edge=False)
    for part in item.derivation.lines:
        seen = "-" if part.measured_pages is None else str(part.measured_pages)
        table.add_row(*map(escape, (part.consumer, part.formula, str(part.pages), seen, part.source)))
    out.print(table)
    out.print(escape(sentence(item.derivation.rule)), soft_wrap=True)
    out.print(escape(_total(item)), soft_wrap=True)
    out.print()


def _advised(item: Sized, memory_kib: int) -> Iterator[str]:
    advice = item.advice
    if advice.min_free_kib is None:
        yield f"{item.policy}: no setting can be advised"
        yield f"  why: {sentence(advice.why)}"
        return
    yield f"{item.policy}: {advice.command}"
    yield f"  decided by: {advice.decided_by}: {sentence(advice.why)}"
    yield f"  asked for: {', '.join(f'{each.kib} KiB ({each.name})' for each in advice.bounds)}"
    yield f"  how sure: {sentence(advice.certainty)}"
    if advice.failures:
        yield f"  failed allocations in reception at that size: {sentence(advice.failures)}"
    if advice.min_free_kib > memory_kib * SHARE_MOST:
        yield (
            f"  beware: that is {advice.min_free_kib / memory_kib:.0%} of memory, which no program can use; above"
            f" {SHARE_MOST:.0%} the OOM killer comes sooner."
        )
    if POLICIES[read_policy(item.policy).name].in_kernel is None:
        yield f"  beware: no kernel has policy {item.policy}."


def _lines(item: Sized) -> Iterator[str]:
    found = item.found
    if found.survives is None:
        yield from (f"  simulated: {sentence(said)}" for said in (item.warning,) if said)
    else:
        below = f"the largest that fails is {_size(found.fails.pages)}" if found.fails else "no smaller one is possible"
        yield (
            f"  simulated: the smallest min_free that will do is {_size(found.survives.pages)}; {below}"
            f" ({len(found.survives.trials)} runs there, {found.runs} in all)"
        )
    yield from (f"anomaly: {said}" for said in found.anomalies)


def _total(item: Sized) -> str:
    derivation, measured = item.derivation, item.min_pages
    simulated = "none survives" if measured is None else f"{measured} pages"
    own = f" ({derivation.own_pages} of them the policy's own)" if derivation.own_pages else ""
    return f"min by the sum: {derivation.min_pages} pages; by simulation: {simulated}{own}: {agreement(item)}."


def _size(pages: int) -> str:
    return f"{pages} page{'' if pages == 1 else 's'} ({format_bytes(pages * PAGE_BYTES)})"


def _plain(item: Sized) -> dict[str, Any]:
    found = item.found
    return {
        "policy": item.policy,
        "advice": item.advice,
        "min_free_pages": item.min_free_pages,
        "min_pages": item.min_pages,
        "fails_pages": found.fails.pages if found.fails else None,
        "most_pages": item.most_pages,
        "runs": found.runs,
        "levels": [
            {
                "pages": level.pages,
                "decided": level.decided,
                "runs": len(level.trials),
                "survived": sum(trial.survived for trial in level.trials),
                "met": level.met,
                "with_failures": sum(trial.alloc_failures > 0 for trial in level.trials),
            }
            for level in found.levels
        ],
        "anomalies": found.anomalies,
        "warning": item.warning,
        "derivation": item.derivation,
        "agreement": agreement(item),
    }
