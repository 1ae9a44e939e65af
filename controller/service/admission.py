"""Which nodes count: those whose containers Docker knows. A broker remembers nodes that are gone, and whoever has a role's
password can make one up; neither is to hold up a run. Without Docker everybody is taken at his word."""

from __future__ import annotations

import asyncio
import sys

from controller.runtime.docker import Container, Engine
from controller.service.nodes import Node, Nodes
from nodes.errors import NetreserveError

INTERVAL_S = 0.5
"""How soon a node that came is looked for (own): well before a person asks for a run."""
AGAIN_S = 5.0
"""A name without a container is looked for so often: a container is there before its node speaks (own)."""
TOLD_MAX = 20
"""So many strangers are told one by one: made-up names fill no log (own)."""


class Admission:
    """Looks for the containers of nodes that nobody has vouched for yet."""

    def __init__(self, nodes: Nodes, engine: Engine) -> None:
        self._nodes, self._engine = nodes, engine
        self._refused: set[str] = set()
        self._trouble = ""

    async def run(self) -> None:
        """Until cancelled."""
        loop, again_s = asyncio.get_running_loop(), 0.0
        while True:
            strangers = self._nodes.strangers()
            fresh = [node for node in strangers if node.name not in self._refused]
            if fresh or (strangers and loop.time() >= again_s):
                await self._look_for(strangers)
                again_s = loop.time() + AGAIN_S
            await asyncio.sleep(INTERVAL_S)

    async def _look_for(self, strangers: list[Node]) -> None:
        try:
            containers = await asyncio.to_thread(self._engine.containers)
        except NetreserveError as error:
            self._tell_once(str(error))
            return
        for node in strangers:
            if any(_is(node, container) for container in containers.values()):
                self._refused.discard(node.name)
                self._nodes.admit(node)
            elif node.name not in self._refused:
                self._refuse(node)

    def _refuse(self, node: Node) -> None:
        self._refused &= {stranger.name for stranger in self._nodes.strangers()}
        self._refused.add(node.name)
        if len(self._refused) <= TOLD_MAX:
            print(f"netreserve: no running {node.role}'s container is {node.name}: it does not count", file=sys.stderr)

    def _tell_once(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            print(f"netreserve: nodes wait to be admitted: {trouble}", file=sys.stderr)


def _is(node: Node, container: Container) -> bool:
    """A node goes by its container's name, or by its host name where no resolver told it that."""
    role = container.node.rpartition("-")[0].removeprefix("kernel-")
    return container.running and role == node.role and node.name in (container.node, container.hostname)
