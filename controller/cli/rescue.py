"""`netreserve rescue`: what brings a machine back that stands still now?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from controller.api import StartRescue
from controller.cli.console import Json, console, print_json
from controller.cli.follow import Ended, follow
from controller.cli.options import given, parsed
from controller.cli.runs import Runs
from controller.cli.session import client, converse, runs_folder
from controller.cli.views import view_for
from controller.experiment.exitcodes import EXIT_INTERRUPTED
from controller.experiment.record import Result
from controller.experiment.rescue import REMEDIES, EndFlood, Remedy, SetMin, SwitchTo
from controller.experiment.scenario.policies import read_policy
from nodes.errors import UsageError
from nodes.eventkinds import Rescue
from nodes.units import format_ns, pages_of, parse_duration_ns, parse_size_bytes


def rescue(
    node: Annotated[str, typer.Option(help="Only this initiator; else each that stands still.")] = "",
    stop_flood: Annotated[bool, typer.Option("--stop-flood", help="Stop whatever Locust sends.")] = False,
    policy: Annotated[
        str | None, typer.Option(help="Switch to this policy, e.g. memalloc or memalloc+head_reserve.")
    ] = None,
    min_free: Annotated[str | None, typer.Option(help="Write vm.min_free_kbytes, e.g. '16 MiB'.")] = None,
    wait: Annotated[str, typer.Option(help="How long each remedy is waited for.")] = "60 s",
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Try to bring initiators back that stand still now, one remedy after the other, and say which did it.

    Without --stop-flood, --policy and --min-free all are tried: the flood is stopped, the policy is memalloc, min_free is
    doubled. A target whose retransmission timeout has grown sends again only after up to 120 s: --wait '130 s' waits for it.

    The exit code: 0 everybody came back, 1 not, 3 nobody stands still, 130 interrupted.

    Example: netreserve rescue --policy memalloc --wait '130 s'
    """
    command = StartRescue(
        remedies=tuple(_asked(stop_flood, policy, min_free)) or REMEDIES,
        node=node,
        wait_ns=parsed("--wait", wait, parse_duration_ns),
    )
    ended = converse(_conduct(command, runs, json=json))
    result = ended.last.result
    assert result is not None
    _tell(result, runs_folder(runs) / ended.last.folder, json=json)
    raise typer.Exit(EXIT_INTERRUPTED if ended.interrupted else result.exit_code)


def _asked(stop_flood: bool, policy: str | None, min_free: str | None) -> Iterator[Remedy]:
    """In the order in which they are tried."""
    if stop_flood:
        yield EndFlood()
    if policy is not None:
        yield SwitchTo(policy=read_policy(policy))
    size_bytes = given("--min-free", min_free, parse_size_bytes)
    if size_bytes is not None:
        if not pages_of(size_bytes):
            raise UsageError(f"--min-free: '{min_free}' is too little memory: at least 4 KiB is needed")
        yield SetMin(min_free_pages=pages_of(size_bytes))


async def _conduct(command: StartRescue, runs: Path | None, *, json: bool) -> Ended:
    async with client(runs) as conversation:
        with view_for(json=json) as view:
            return await follow(conversation, command, view)


def _tell(result: Result, folder: Path, *, json: bool) -> None:
    if json:
        print_json({"kind": "result", "result": result, "report": str(folder / "report.html")})
        return
    table = Table("initiator", "remedy", "what became of it", box=None, pad_edge=False)
    for node in result.nodes:
        for told in node.rescues:
            table.add_row(node.node, escape(told.remedy), _fate(told))
    out = console()
    out.print(escape(result.sentence))
    if result.next_step:
        out.print(f"[bold]next[/]: {escape(result.next_step)}", soft_wrap=True)
    if table.row_count:
        out.print(table)
    for note in result.notes:
        out.print(f"note: {escape(note)}")
    out.print(f"report: {escape(str(folder / 'report.html'))}", soft_wrap=True)


def _fate(told: Rescue) -> str:
    if told.error:
        return f"[yellow]not tried[/]: {escape(told.error)}"
    after = format_ns(told.after_ns)
    return f"[green]revived[/] after {after}" if told.revived else f"[red]not revived[/] in {after}"
