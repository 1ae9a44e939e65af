"""What must be there before a scenario's run begins: nodes that are online, their containers, and somebody to send junk."""

from __future__ import annotations

import asyncio

from controller.experiment.plan import Plan
from controller.experiment.scenario import Scenario
from controller.service.connections import Parts
from controller.service.floodwatch import FloodWatch
from nodes.errors import HarnessError, LackingError, UsageError
from nodes.messages import Role


def present(parts: Parts, scenario: Scenario) -> tuple[list[str], list[str]]:
    """Names of the initiators and targets that are online. Raises LackingError when the scenario needs more."""
    nodes, tier = scenario.nodes, scenario.tier
    return _enough(parts, "initiator", nodes.initiator.count, tier), _enough(parts, "target", nodes.target.count, tier)


async def check_ready(parts: Parts, watch: FloodWatch, work: Plan) -> None:
    """Raises UsageError while a flood is going on, HarnessError when Locust has nobody to send what `work` plans,
    LackingError when Docker does not know a node's container."""
    if watch.going:
        raise UsageError("a flood is going on: stop it first (`netreserve flood stop`)")
    if work.floods:
        state = await parts.locust.state()
        if not state.workers:
            raise HarnessError(
                f"Locust at {parts.locust.url} has no workers: nobody can send the flood; they come back within"
                " a minute of their master, or with `netreserve up`"
            )
    if parts.engine is not None:
        containers = await asyncio.to_thread(parts.engine.containers)
        missing = [node.name for node in work.nodes if node.name not in containers]
        if missing:
            raise LackingError(f"Docker knows no container for {', '.join(missing)}: there are {', '.join(containers)}")


def _enough(parts: Parts, role: Role, count: int, tier: str) -> list[str]:
    names = [node.name for node in parts.nodes.online(role, tier)]
    if len(names) < count:
        guests = tier == "kernel" and role == "initiator"
        option = f"--kernel {count}" if guests else f"--scale {role}={count}"
        raise LackingError(
            f"the scenario needs {count} {'kernel ' if guests else ''}{role}{'s' if count > 1 else ''},"
            f" {len(names)} online: start more with `netreserve up {option}`"
        )
    return names
