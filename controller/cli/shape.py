"""`netreserve shape show | set`: how the nodes' data links treat their packets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from controller.api import NodeState, SetShape, Show, State
from controller.cli.console import Json, console, print_json
from controller.cli.options import given
from controller.cli.ps import present
from controller.cli.session import ask
from nodes.config import Shape
from nodes.errors import UsageError
from nodes.units import format_bps, format_ns, parse_duration_ns, parse_rate_bps, parse_ratio

app = typer.Typer(help="Show how links are shaped, or change it live.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def show(json: Json = False) -> None:
    """Show what is in force on every data link.

    Values are those that the nodes read back, with how each is done there.

    Example: netreserve shape show
    """
    _print(ask(Show()), json=json)


@app.command("set")
def set_shape(
    rate: Annotated[
        str | None, typer.Option(help="What the node may send, e.g. '100 Mbit'; '0 bit': no limit.")
    ] = None,
    delay: Annotated[str | None, typer.Option(help="One way, e.g. '200 us'.")] = None,
    jitter: Annotated[str | None, typer.Option(help="Spread of the delay, e.g. '50 us'.")] = None,
    loss: Annotated[str | None, typer.Option(help="Share of packets lost, e.g. '0.5 %'.")] = None,
    reorder: Annotated[str | None, typer.Option(help="Share of packets that overtake, e.g. '1 %'.")] = None,
    duplicate: Annotated[str | None, typer.Option(help="Share of packets sent twice, e.g. '1 %'.")] = None,
    node: Annotated[str, typer.Option(help="Only this node; else all of them.")] = "",
    json: Json = False,
) -> None:
    """Change what is given and leave the rest.

    Shows what is in force then, as the nodes read it back.

    Example: netreserve shape set --delay '10 ms' --loss '1 %' --node initiator-1
    """
    shape = Shape(
        rate_bps=given("--rate", rate, parse_rate_bps),
        delay_ns=given("--delay", delay, parse_duration_ns),
        jitter_ns=given("--jitter", jitter, parse_duration_ns),
        loss_ratio=given("--loss", loss, parse_ratio),
        reorder_ratio=given("--reorder", reorder, parse_ratio),
        duplicate_ratio=given("--duplicate", duplicate, parse_ratio),
    )
    if shape == Shape():
        raise UsageError(
            "shape set changes nothing: give at least one of --rate --delay --jitter --loss --reorder --duplicate"
        )
    _print(ask(SetShape(shape=shape, node=node)), json=json)


def _print(state: State, *, json: bool) -> None:
    if json:
        print_json(state)
        return
    names = ("rate", "delay", "jitter", "loss", "reorder", "duplicate", "link")
    table = Table("node", *names, "done by", "remark", box=None, pad_edge=False)
    for node in present(state):
        table.add_row(*map(escape, _cells(node)))
    console().print(table if table.row_count else "no node is online")


def _cells(node: NodeState) -> tuple[str, ...]:
    if node.reported is None:
        return (node.status.node, *("?" for _ in range(8)), "has not reported yet")
    means = node.reported.means.items()
    done_by = ", ".join(f"{name}: {how}" for name, how in means) or "-"
    return node.status.node, *in_words(node.reported.shape), done_by, node.reported.error


def in_words(shape: Shape) -> tuple[str, ...]:
    """The values of a shape in force, in the order of its fields; `?` for one that the node did not report."""
    words: dict[str, Callable[[float], str]] = {
        "rate_bps": lambda rate: format_bps(rate) if rate else "no limit",
        "delay_ns": format_ns,
        "jitter_ns": format_ns,
        "cut": lambda cut: "cut" if cut else "up",
    }
    values = msgspec.structs.asdict(shape)
    return tuple("?" if v is None else words.get(name, _percent)(v) for name, v in values.items())


def _percent(ratio: float) -> str:
    return f"{100 * ratio:g} %"
