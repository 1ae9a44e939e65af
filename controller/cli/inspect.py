"""`netreserve inspect`: is this machine at risk, and what saves it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from controller.cli.console import Json, console, print_json, say
from controller.cli.studies import Fresh, Jobs, Out, resumable, studies_folder
from controller.inspect.answer import Answer, Numbers, judged
from controller.inspect.collected import SCRIPT, Collected
from controller.inspect.live import Live
from controller.inspect.look import look
from controller.inspect.tree import Folder, Tree
from nodes.errors import HarnessError, UsageError
from nodes.units import PAGE_BYTES, format_bytes

if TYPE_CHECKING:
    from controller.inspect.facts import Card, Machine
    from controller.inspect.foretold import Foretold
    from controller.studies.rows import Rows
    from controller.studies.size.search import Level
    from controller.studies.tried import Kept

STYLES = {"grave": "bold red", "unknown": "magenta", "caution": "yellow", "note": "cyan", "good": "green"}
TOLD_UNREAD = 8
PAGES = "docs/"


def inspect(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="What the collector wrote, of another machine.")
    ] = None,
    root: Annotated[
        Path, typer.Option("--root", metavar="DIR", help="A copy of /proc, /sys and /etc instead of /.")
    ] = Path("/"),
    collector: Annotated[
        bool, typer.Option("--collector", help="Print a shell script that collects what FILE needs, without Python.")
    ] = False,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", metavar="FILE", help="Write a scenario modelled on the machine.")
    ] = None,
    answer: Annotated[bool, typer.Option("--answer", help="Simulate it under junk, and say what saves it.")] = False,
    jobs: Jobs = 0,
    fresh: Fresh = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """Say whether this machine is at risk of hanging over its network storage, why, and what to do.

    Reads files alone, and changes nothing.

    Exits with 0 when nothing grave was found, 1 when something was, 3 when too little could be read to say so.

    Example: netreserve inspect --scenario this-machine.yaml --answer
    """
    if collector:
        if json:
            raise UsageError("--collector prints a shell script: it has no form in JSON, leave --json out")
        print(SCRIPT.read_text(), end="")
        return
    tree = Tree(_source(file, root))
    machine = look(tree)
    found = judged(machine, tree.unread)
    if scenario is not None:
        _write(machine, scenario)
    if not json:
        _print(found)
    foretold = _foretell(machine, jobs, out, fresh=fresh) if answer else []
    if json:
        print_json({"answer": found, "foretold": foretold})
    elif answer:
        _print_foretold(foretold)
    raise typer.Exit(found.exit_code)


def _source(file: Path | None, root: Path) -> Folder | Collected:
    if file is None:
        if not root.is_dir():
            raise UsageError(f"--root {root} is not a folder: one with proc, sys and etc in it is needed")
        return Live() if root == Path("/") else Folder(root)
    if root != Path("/"):
        raise UsageError("FILE and --root are two machines: choose one")
    return Collected.read(file)


def _write(machine: Machine, path: Path) -> None:
    from controller.inspect.modelled import scenario_text

    text = scenario_text(machine)
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"--scenario {path} is there already: name a new file") from None
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror}") from None
    say(f"a scenario modelled on this machine: {path}; netreserve run {path}")


def _foretell(machine: Machine, jobs: int, out: Path | None, *, fresh: bool) -> list[Foretold]:
    from controller.experiment.scenario import dump
    from controller.inspect.foretold import foretell
    from controller.inspect.modelled import scenario_of
    from controller.studies.rows import Rows, place
    from controller.studies.tried import FORM, Tried
    from controller.studies.workers import Workers

    scenario = scenario_of(machine)
    file = place(studies_folder(out), scenario.name, "inspect", dump(scenario))
    with Workers(jobs) as workers, Rows.open(file, FORM, fresh=fresh) as rows, resumable(lambda: _kept(rows)):
        return foretell(machine, Tried(workers, rows).all, batch=workers.jobs, progress=_told)


def _kept(rows: Rows[str, Kept]) -> str:
    return f"{len(rows.by_key)} runs are kept in {rows.path.parent}"


def _told(level: Level, runs: int) -> None:
    say(f"simulated {runs} runs; min_free {level.pages * PAGE_BYTES >> 10} KiB: {level.decided}")


def _print(found: Answer) -> None:
    out = console()
    style = {0: "bold green", 1: "bold red"}.get(found.exit_code, "bold magenta")
    out.print(f"[{style}]{escape(found.headline)}[/]", soft_wrap=True)
    for way in found.ways:
        out.print(f"  {escape(way)}", soft_wrap=True)
    for card in found.cards:
        out.print(f"  card: {escape(_card(card))}", soft_wrap=True)
    if told := _numbers(found.numbers):
        out.print(f"  {told}", soft_wrap=True)
    table = Table("how grave", "what was found, and why", "what to do", box=None, pad_edge=False, padding=(0, 2, 1, 0))
    for item in found.findings:
        tier = f", tier {item.tier}" if item.tier else ""
        why = f"{escape(item.what)}\n[dim]{escape(item.why)} ({escape(item.source)}{tier}; {PAGES}{item.page})[/]"
        table.add_row(f"[{STYLES[item.grade]}]{item.grade}[/]", why, escape("\n".join(item.do) or "-"))
    out.print()
    out.print(table)
    for unread in found.unread[:TOLD_UNREAD]:
        out.print(f"not read: {escape(unread.path)} ({unread.why})", soft_wrap=True)
    if len(found.unread) > TOLD_UNREAD:
        out.print(f"not read: {len(found.unread) - TOLD_UNREAD} more (--json names them)")


def _card(card: Card) -> str:
    """What was read of it."""
    parts = [f"{card.name} ({card.driver or 'driver not known'}{', USB' if card.usb else ''})"]
    for value, words in ((card.ring_slots, "ring of {}"), (card.queues, "receive queues: {}"), (card.mtu, "MTU {}")):
        if value is not None:
            parts.append(words.format(value))
    return ", ".join([*parts, *(f"{name} {'on' if on else 'off'}" for name, on in card.offloads.items())])


def _numbers(numbers: Numbers) -> str:
    parts = []
    if numbers.reserve_kib is not None:
        parts.append(f"reserve {format_bytes(numbers.reserve_kib << 10)}")
    if numbers.ring_kib is not None:
        parts.append(f"the receive ring can hold {format_bytes(numbers.ring_kib << 10)}")
    if numbers.empty_ms is not None:
        parts.append(f"junk at {numbers.link_mbit} Mbit/s that nobody reads fills the reserve in {numbers.empty_ms} ms")
    return "; ".join(parts)


def _print_foretold(foretold: list[Foretold]) -> None:
    out = console()
    out.print("In the simulator, junk at the link's rate that nobody reads (tier sim; a model, not a promise):")
    for item in foretold:
        end = (
            "survives"
            if item.survives
            else f"does not survive ({item.verdict}{': ' + item.cycle if item.cycle else ''})"
        )
        out.print(escape(f"  {item.junk}: {end}"), soft_wrap=True)
        safe = "no min_free helps" if item.min_free_kib is None else f"vm.min_free_kbytes={item.min_free_kib}"
        out.print(
            escape(f"    smallest safe reserve found: {safe} (decided by: {item.bound}; {item.runs} runs)"),
            soft_wrap=True,
        )
        for saves in item.saves:
            out.print(escape(f"    what saves it: {saves}"), soft_wrap=True)
