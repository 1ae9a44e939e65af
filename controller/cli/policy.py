"""`netreserve policy show | set`: which policy is in force, and another one, live."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from controller.api import SetPolicy, Show, State
from controller.cli.console import Json, console, print_json
from controller.cli.ps import policy_of, present
from controller.cli.session import ask
from controller.experiment.scenario.policies import WITH, read_policy
from nodes.config import InitiatorSpec
from nodes.machine.allocators import ALLOCATORS
from nodes.machine.policies import POLICIES

app = typer.Typer(
    help="Show the reserve policy in force, or switch it live.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def show(json: Json = False) -> None:
    """Show the policy in force at every initiator.

    Example: netreserve policy show
    """
    _print(ask(Show()), json=json)


@app.command("set")
def set_policy(
    name: Annotated[
        str, typer.Argument(help=f"One of: {', '.join(POLICIES)}; or with its allocator, e.g. memalloc+slab.")
    ],
    allocator: Annotated[str, typer.Option(help=f"Not the policy's own, but of: {', '.join(ALLOCATORS)}.")] = "",
    node: Annotated[str, typer.Option(help="Only this initiator; else all of them.")] = "",
    json: Json = False,
) -> None:
    """Switch the policy of running initiators.

    Example: netreserve policy set memalloc --node initiator-1
    """
    if allocator:
        ALLOCATORS[allocator]  # an unknown name is told as such
    spec = read_policy(f"{name}{WITH}{allocator}" if allocator else name)
    _print(ask(SetPolicy(policy=spec, node=node)), json=json)


def _print(state: State, *, json: bool) -> None:
    if json:
        print_json(state)
        return
    table = Table("initiator", "policy (allocator)", "remark", box=None, pad_edge=False)
    for node in present(state):
        if node.status.role == "initiator":
            reported = node.reported
            known = reported is not None and isinstance(reported.spec, InitiatorSpec)
            remark = reported.error if reported else "has not reported yet"
            table.add_row(node.status.node, policy_of(node) if known else "unknown", escape(remark))
    console().print(table if table.row_count else "no initiator is online")
