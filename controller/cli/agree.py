"""`netreserve agree`: scenarios carried out by several tiers, and whether they say the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs
from rich.markup import escape
from rich.table import Table

from controller.cli.console import Json, console, print_json, say
from controller.cli.options import listed
from controller.cli.runs import Runs
from controller.cli.scenarios import found as scenario_file
from controller.cli.session import runs_folder
from controller.cli.studies import resumable
from controller.experiment import tiers
from controller.experiment.endings import worst_node
from controller.experiment.folders import AGREEMENT
from controller.experiment.scenario import Scenario, dump, load, override_policy
from controller.here.testbed import find_root
from controller.store.recorded import read_run
from controller.studies import child
from controller.studies.agree import (
    KERNEL,
    Pair,
    TierEnding,
    cells,
    explained,
    kernels_line,
    markdown,
    matched_lines,
    pairs,
    row_of,
)
from controller.studies.guestlog import telemetry
from controller.studies.matched_model import changes_of, twin, unmatched
from controller.studies.pages import explanations, marked
from controller.studies.rows import Form, Rows
from nodes.errors import InconclusiveError, LackingError, NetreserveError

FILE_NAME = "agreement.jsonl"
DIFFERENT = 1
NOTHING_TO_MATCH = "the kernel's run measured nothing to match"

Place = tuple[str, ...]


def _key(row: TierEnding) -> Place:
    return row.scenario, row.digest, row.policy, row.tier, row.matched


def _kept_as(row: TierEnding) -> tuple[Place, bool]:
    return _key(row), row.proves


FORM: Form[tuple[Place, bool], TierEnding] = Form(
    "comparison of tiers", TierEnding, _kept_as, f"move {FILE_NAME} away to begin anew"
)


def agree(
    scenarios: Annotated[list[Path], typer.Argument(help="Scenario files, e.g. scenarios/classic.yaml.")],
    policy: Annotated[str, typer.Option(help="Policies, with commas.")] = "none,memalloc,mainline",
    tier: Annotated[str, typer.Option(help="Tiers to compare, with commas.")] = "sim,container",
    fresh: Annotated[bool, typer.Option("--fresh", help="Run again what was run before.")] = False,
    page: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table there, as Markdown.")] = None,
    why: Annotated[Path | None, typer.Option(metavar="FILE", help="Words on why tiers differ, TOML.")] = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Run scenarios in several tiers and lay the verdicts side by side.

    What was run before is not run again, simulations apart (the rows are kept in agreement.jsonl beside the runs), unless
    it proved nothing, the scenario's file has changed or --fresh is given.

    With tier kernel its run comes first, and the others get the settings that its guest really had: the memory that was
    free, the min watermark, the application's rate, the flood as it was sent.

    Where the simulator differs, it is tried whether bursts would explain it: with the junk of 20 or 50 ms at once.

    The exit code is 0 when all agree, 1 when some differ, explained or not, else 5 when fewer than two tiers say something
    of a scenario and policy.

    Example: netreserve agree scenarios/classic.yaml --policy none,memalloc
    """
    wanted = listed("--tier", tier)
    for name in wanted:
        tiers.require(name)
    policies = listed("--policy", policy)
    told = _words(why)
    scenarios = [*map(scenario_file, scenarios)]
    for file in scenarios:
        for name in policies:
            override_policy(load(file), name)
    found: list[TierEnding] = []
    kept = runs_folder(runs) / FILE_NAME
    with Rows.open(kept, FORM) as rows, resumable(lambda: f"{len(rows.by_key)} rows are kept in {kept}"):
        comparison = _Comparison(wanted, runs, rows, set() if fresh else set(rows.by_key))
        for file in scenarios:
            for name in policies:
                found += comparison.rows_of(file, name)
    table = list(pairs(found, wanted))
    because = comparison.explanations(table) | told
    _print(table, wanted, because, json=json)
    if page is not None:
        marked.write(page, KERNEL if KERNEL in wanted else "table", "\n".join(markdown(table, wanted, because)))
    raise typer.Exit(_exit_code(table))


def _exit_code(table: Sequence[Pair]) -> int:
    found = {pair.agreement for pair in table}
    return DIFFERENT if "differs" in found else InconclusiveError.exit_code if "-" in found else 0


@dataclass
class _Comparison:
    """Runs what is asked, and keeps what it hears."""

    wanted: Sequence[str]
    runs: Path | None
    kept: Rows[tuple[Place, bool], TierEnding]
    before: set[tuple[Place, bool]]
    """Keys of what need not be run again, where it proves something."""
    ran: dict[tuple[str, str], Scenario] = field(default_factory=dict)
    """Scenario and policy -> what the simulator was given."""

    def rows_of(self, file: Path, policy: str) -> Iterator[TierEnding]:
        """A row for each tier. The kernel's comes first: the others are matched to it."""
        kernel: TierEnding | None = None
        for tier in sorted(self.wanted, key=lambda tier: tier != KERNEL):
            row = self._row(file, policy, tier, kernel)
            kernel = row if tier == KERNEL else kernel
            yield row

    def explanations(self, table: Sequence[Pair]) -> dict[tuple[str, str], str]:
        """By scenario and policy: why the tiers differ, where the simulator can tell."""
        found = {}
        for pair in table:
            place = (pair.scenario, pair.policy)
            if pair.agreement == "differs" and place in self.ran and (why := explained(pair, self.ran[place])):
                found[place] = why
        return found

    def _row(self, file: Path, policy: str, tier: str, kernel: TierEnding | None) -> TierEnding:
        blank = TierEnding(
            scenario=load(file).name, digest=_digest(file), policy=policy, tier=tier, matched=_run_of(kernel)
        )
        if kernel is not None and not blank.matched:
            return structs.replace(blank, error=NOTHING_TO_MATCH)
        try:
            blank, path = self._prepared(blank, file, kernel)
        except NetreserveError as error:
            return structs.replace(blank, error=str(error).splitlines()[0])
        key = _key(blank), True
        if tier != "sim" and key in self.before:  # the simulator does it in a second, by code that changes
            return self.kept.by_key[key]
        say(f"{blank.scenario} under {policy}, {tier} tier ...")
        row = self._carried_out(blank, path)
        if row.proves:  # what a machine lacks today it may have tomorrow, and a void run may succeed
            self.kept.append(row)
        return row

    def _prepared(self, blank: TierEnding, file: Path, kernel: TierEnding | None) -> tuple[TierEnding, Path]:
        """The row with how its scenario was matched, and the file to run."""
        if kernel is None or kernel.measured is None:
            if blank.tier == "sim":
                self.ran[blank.scenario, blank.policy] = override_policy(load(file, "sim"), blank.policy)
            return blank, file
        scenario = override_policy(load(file), blank.policy)
        matched = twin(scenario, kernel.measured, blank.tier)
        changes = (*map(str, changes_of(scenario, kernel.measured)), *unmatched(scenario))
        if blank.tier == "sim":
            self.ran[blank.scenario, blank.policy] = matched
        path = self.kept.path.parent / AGREEMENT / f"{blank.scenario}-{blank.policy}-{blank.tier}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(matched))
        return structs.replace(blank, changes=changes), path

    def _carried_out(self, blank: TierEnding, path: Path) -> TierEnding:
        words = [str(path), "--tier", blank.tier]
        words += [] if blank.matched else ["--policy", blank.policy]
        words += ["--runs", str(self.runs)] if self.runs is not None else []
        ended = child.run(words)
        if ended.result is None or ended.folder is None:
            return structs.replace(blank, error=ended.error)
        try:
            samples = read_run(ended.folder).samples
        except NetreserveError:  # a verdict stands without them
            samples = []
        node = worst_node(ended.result)
        told = telemetry(ended.folder, node.node) if node and blank.tier == KERNEL else []
        row = row_of(ended.result, samples, told, policy=blank.policy, digest=blank.digest)
        return structs.replace(row, scenario=blank.scenario, matched=blank.matched, changes=blank.changes)


def _run_of(kernel: TierEnding | None) -> str:
    """The kernel's run that others can be matched to; empty: there is none, or it proves nothing."""
    usable = kernel is not None and kernel.proves and kernel.measured is not None and kernel.measured.usable
    return kernel.measured.run if usable and kernel and kernel.measured else ""


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _words(file: Path | None) -> dict[tuple[str, str], str]:
    """Those of `file`; without it those of the checkout, where there are any."""
    if file is not None:
        return explanations.read(file)
    try:
        own = find_root() / explanations.FILE
    except LackingError:
        return {}
    return explanations.read(own) if own.exists() else {}


def _print(table: Sequence[Pair], wanted: Sequence[str], why: Mapping[tuple[str, str], str], *, json: bool) -> None:
    if json:
        for pair in table:
            told = {"agreement": pair.agreement, "why": why.get((pair.scenario, pair.policy), "")}
            print_json({"scenario": pair.scenario, "policy": pair.policy, **told, "rows": pair.rows})
        return
    shown = Table("scenario", "policy", *wanted, "agreement", box=None, pad_edge=False)
    for pair in table:
        by_tier = {row.tier: row for row in pair.rows}
        said = ["\n".join(filter(None, cells(by_tier[tier]))) if tier in by_tier else "-" for tier in wanted]
        shown.add_row(*map(escape, (pair.scenario, pair.policy, *said, pair.agreement_because(why))))
    console().print(shown)
    if ran := kernels_line(table):
        console().print(escape(ran), soft_wrap=True)
    for line in matched_lines(table):
        console().print(escape(f"matched to the kernel's run, {line}"), soft_wrap=True)
