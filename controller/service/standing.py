"""What nodes are when nobody runs a scenario: live machines under the policy `none`, so that a person can start a flood
by hand right after `docker compose up`. A guest stays as its run left it, with the target that it swaps to: it may hang, and
be rescued later."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

from controller.experiment.scenario import Scenario, load
from controller.service.connections import Parts
from controller.service.nodes import Node, Wanted
from controller.store.folder import new_run_id
from nodes.config import BLOCK_PORT, InitiatorSpec, PolicySpec
from nodes.errors import HarnessError, NetreserveError, ScenarioError
from nodes.units import PAGE_BYTES
from traffic.profiles import DEFAULT_SINKS

CLASSIC = Path(__file__).parents[2] / "scenarios" / "classic.yaml"
INTERVAL_S = 0.5
IDLE = "idle-"
"""How the `run` of a standing setting begins."""

Slot = tuple[str, int]
"""A target's `host:port` and the offset of a swap area on it."""


def load_classic(path: Path = CLASSIC) -> Scenario:
    """The scenario that the defaults come from. Raises HarnessError when it is not there: it is part of netreserve."""
    try:
        return load(path)
    except ScenarioError as error:
        raise HarnessError(f"the default scenario is unusable: {error}") from None


class Standing:
    """Gives every node that has no setting, or one of a scenario that is over, or one with a storage target that is gone,
    a default one, while `idle()`."""

    def __init__(self, parts: Parts, classic: Scenario, idle: Callable[[], bool]) -> None:
        self._parts, self._classic, self._idle = parts, classic, idle
        self.policies: dict[str, PolicySpec] = {}
        """What a person chose by hand, by node: kept over a scenario's run."""
        self._told: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.sleep(self._parts.timing.furnish_delay_s)
        while True:
            if self._idle():
                await self._give(self._targets())
            if self._idle():
                await self._give(self._initiators())
            await asyncio.sleep(INTERVAL_S)

    def _targets(self) -> dict[str, Wanted]:
        spec = self._classic.nodes.target.target()
        return {
            node.name: Wanted(run=_new_run(), spec=spec)
            for node in self._parts.nodes.online("target")
            if not _stands(node) and not self._held(node)
        }

    def _held(self, target: Node) -> bool:
        """Whether a guest still swaps to `target`, since the run that set both up."""
        run = target.desired.run if target.desired else ""
        guests = [node.desired for node in self._parts.nodes.online("initiator", "kernel") if node.desired]
        return any(isinstance(guest.spec, InitiatorSpec) and guest.spec.target and guest.run == run for guest in guests)

    def _initiators(self) -> dict[str, Wanted]:
        slots = self._slots()
        initiators = self._parts.nodes.online("initiator", "container")
        needy = [node for node in initiators if not self._housed(node)]
        taken = {
            (spec.target, spec.swap_offset_bytes)
            for node in initiators
            if node not in needy and (spec := node.initiator)
        }
        free = iter([slot for slot in slots if slot not in taken])
        return {node.name: self._initiator(node, *next(free, ("", 0))) for node in needy} if slots else {}

    def _housed(self, node: Node) -> bool:
        """Whether its target is there too: addresses change with a new network, retained settings do not."""
        addresses = {_address(target) for target in self._parts.nodes.online("target")}
        return _stands(node) and node.initiator is not None and node.initiator.target in addresses | {""}

    def _initiator(self, node: Node, target: str, offset_bytes: int) -> Wanted:
        return Wanted(
            run=_new_run(),
            spec=InitiatorSpec(
                machine=self._classic.nodes.initiator.machine(),
                policy=self.policies.get(node.name, PolicySpec(name="none")),
                sinks=DEFAULT_SINKS,
                target=target,
                swap_offset_bytes=offset_bytes,
            ),
        )

    def _slots(self) -> list[Slot]:
        """Where swap areas fit, spread over the targets first; initiators beyond them idle."""
        area_bytes = self._classic.nodes.initiator.working_set_pages * PAGE_BYTES
        targets = self._parts.nodes.online("target")
        sizes = {_address(node): node.target.size_bytes for node in targets if node.target and _stands(node)}
        most = max((size // area_bytes for size in sizes.values()), default=0)
        return [
            (address, place * area_bytes)
            for place in range(most)
            for address, size in sizes.items()
            if (place + 1) * area_bytes <= size
        ]

    async def _give(self, wanted: dict[str, Wanted]) -> None:
        if not wanted:
            return
        try:
            await self._parts.nodes.apply(wanted, self._parts.timing.ack_deadline_s)
        except NetreserveError as error:  # there is no run to void; the node's `reported` goes on telling it
            if str(error) not in self._told:
                self._told.add(str(error))
                print(f"netreserve: default setting: {error}", file=sys.stderr)


def _stands(node: Node) -> bool:
    return node.desired is not None and node.desired.run.startswith(IDLE)


def _new_run() -> str:
    return f"{IDLE}{new_run_id(time.time_ns())}"


def _address(node: Node) -> str:
    return f"{node.address}:{BLOCK_PORT}"
