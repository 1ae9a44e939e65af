"""`netreserve agree`: scenarios carried out by several tiers, and whether they say the same."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from controller import tiers
from controller.agree import Pair, Row, cells, explained, markdown, pairs, row_of
from controller.cli.console import Json, console, print_json, say
from controller.cli.runs import Runs
from controller.cli.session import runs_folder
from controller.record import Result
from controller.scenario import Scenario, load, override_policy
from nodes.errors import UsageError

FILE_NAME = "agreement.jsonl"
DIFFERENT, INTERRUPTED = 1, 130


def agree(
    scenarios: Annotated[list[Path], typer.Argument(help="Scenario files, e.g. scenarios/classic.yaml.")],
    policy: Annotated[str, typer.Option(help="Policies, with commas.")] = "none,memalloc,mainline",
    tier: Annotated[str, typer.Option(help="Tiers to compare, with commas.")] = "sim,container",
    fresh: Annotated[bool, typer.Option("--fresh", help="Run again what was run before.")] = False,
    page: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table there, as Markdown.")] = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Run scenarios in several tiers and lay the verdicts side by side.

    What was run before is not run again, simulations apart (the rows are kept in agreement.jsonl beside the runs), unless
    the scenario's file has changed or --fresh is given.

    Where the simulator differs, it is tried whether bursts would explain it: with the junk of 20 or 50 ms at once.

    The exit code is 0 when all agree, 1 when some differ, explained or not.

    Example: netreserve agree scenarios/classic.yaml --policy none,memalloc
    """
    wanted = [name.strip() for name in tier.split(",")]
    for name in wanted:
        tiers.require(name)
    policies = [name.strip() for name in policy.split(",")]
    for file in scenarios:
        for name in policies:
            override_policy(load(file), name)
    kept = runs_folder(runs) / FILE_NAME
    rows = [] if fresh else list(_read(kept))
    found = []
    for file in scenarios:
        for name in policies:
            found += [_row(file, name, which, rows, kept, runs) for which in wanted]
    table = list(pairs(found, wanted))
    why = _explanations(table, {load(file).name: load(file) for file in scenarios})
    _print(table, wanted, why, json=json)
    if page is not None:
        page.write_text("\n".join(markdown(table, wanted, why)) + "\n")
    raise typer.Exit(DIFFERENT if any(pair.agreement == "differs" for pair in table) else 0)


def _explanations(table: Sequence[Pair], scenarios: Mapping[str, Scenario]) -> dict[tuple[str, str], str]:
    """By scenario and policy: why the tiers differ, where the simulator can tell."""
    found = {}
    for pair in table:
        if pair.agreement == "differs" and (why := explained(pair, scenarios[pair.scenario])):
            found[pair.scenario, pair.policy] = why
    return found


def _read(file: Path) -> Iterator[Row]:
    if not file.exists():
        return
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            yield msgspec.json.decode(line, type=Row)
        except msgspec.DecodeError as error:
            raise UsageError(f"{file}:{number}: {error}: remove the line, or the file to begin anew") from None


def _row(file: Path, policy: str, tier: str, rows: Sequence[Row], kept: Path, runs: Path | None) -> Row:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    name = load(file).name
    key = (name, digest, policy, tier)
    for row in reversed(rows) if tier != "sim" else ():  # simulated in a second or two, and its code may have changed
        if (row.scenario, row.digest, row.policy, row.tier) == key:
            return row
    say(f"{name} under {policy}, {tier} tier ...")
    row = _run(file, name, policy, tier, digest, runs)
    if not row.error:  # what a machine lacks today it may have tomorrow
        kept.parent.mkdir(parents=True, exist_ok=True)
        with kept.open("ab") as stream:
            stream.write(msgspec.json.encode(row) + b"\n")
    return row


def _run(file: Path, name: str, policy: str, tier: str, digest: str, runs: Path | None) -> Row:
    """A run in a process of its own, as a person would start it: an interrupted or failed one leaves nothing behind here."""
    words = ["run", str(file), "--tier", tier, "--policy", policy, "--json"]
    words += ["--runs", str(runs)] if runs is not None else []
    starter = "from controller.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", starter, *words], capture_output=True, text=True, check=False)
    last = done.stdout.splitlines()[-1] if done.stdout.strip() else ""
    try:
        answer = msgspec.json.decode(last.encode(), type=dict)
        return row_of(msgspec.convert(answer["result"], Result), policy=policy, digest=digest)
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError):
        said = done.stderr.strip().splitlines()
        error = said[-1].removeprefix("netreserve: ") if said else f"exit code {done.returncode}"
        if done.returncode == INTERRUPTED:
            raise KeyboardInterrupt from None
        return Row(scenario=name, digest=digest, policy=policy, tier=tier, error=error)


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
