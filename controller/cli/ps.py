"""`netreserve ps`: the nodes as the controller knows them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from controller.api import NodeState, Show, State
from controller.cli.console import Json, console, print_json
from controller.cli.session import ask
from controller.cli.views import age
from controller.here.testbed import Container
from nodes.config import InitiatorSpec


def ps(json: Json = False) -> None:
    """Show every node, its policy, and what is going on.

    Example: netreserve ps
    """
    state = ask(Show())
    if json:
        print_json(state)
    else:
        print_state(state)


def print_state(state: State) -> None:
    """All nodes in a table, the present run and flood below it."""
    table = Table("node", "status", "policy", "address", "last sample", "remark", box=None, pad_edge=False)
    for node in state.nodes:
        table.add_row(*map(escape, _cells(node)))
    out = console()
    out.print(table if state.nodes else "no node has reported yet")
    out.print(f"run: {escape(state.run or 'none')}   flood: {escape(state.flood or 'stopped')}")


def present(state: State) -> list[NodeState]:
    """The nodes that are there: settings of a node that left (only `ps` lists those) are nobody's."""
    return [node for node in state.nodes if node.deployed and node.status.state != "offline"]


def policy_of(node: NodeState) -> str:
    """The policy in force at `node` with its allocator, `-` where there is none."""
    spec = node.reported.spec if node.reported else None
    return f"{spec.policy.name} ({spec.policy.allocator})" if isinstance(spec, InitiatorSpec) else "-"


def _cells(node: NodeState) -> tuple[str, ...]:
    said = node.status.reason or (node.reported.error if node.reported else "")
    remark = said if node.deployed else "no container has this name: it does not count"
    seen = f"{age(node.age_ns)} ago" if node.age_ns else "-"
    return node.status.node, node.status.state, policy_of(node), node.status.address or "-", seen, remark


def container_rows(containers: Sequence[Container]) -> list[dict[str, object]]:
    """What `up --json` prints of each container."""
    return [
        {"service": c.service, "name": c.name, "state": c.state, "health": c.health, "ports": sorted(c.ports)}
        for c in sorted(containers, key=lambda c: (c.service, c.name))
    ]


def print_containers(containers: Sequence[Container]) -> None:
    """All containers in a table."""
    table = Table("container", "state", "health", "published at 127.0.0.1", box=None, pad_edge=False)
    for c in sorted(containers, key=lambda c: (c.service, c.name)):
        table.add_row(c.name, c.state, c.health or "-", ", ".join(map(str, sorted(c.ports))) or "-")
    console().print(table)
