"""A scenario that the simulator decides in a second: `classic` with a quarter of its memory and short phases."""

from __future__ import annotations

from clirunner import ROOT

from controller.scenario import Scenario, load
from controller.scenario.vary import vary

QUARTER = {
    "nodes.initiator.memory": "16 MiB",
    "nodes.initiator.working_set": "24 MiB",
    "nodes.initiator.min_free": "1 MiB",
    "nodes.initiator.touch_rate": "4 kpages/s",
    "phases.warmup": "3 s",
    "phases.flood": "3 s",
    "phases.heal": "1 s",
}


def tiny(policy: str = "none", **changes: object) -> Scenario:
    """It deadlocks under `none` and lives under `memalloc`; `changes` by dotted path, with `__` for a dot."""
    named = {path.replace("__", "."): value for path, value in changes.items()}
    return vary(load(ROOT / "scenarios" / "classic.yaml"), QUARTER | {"policy": policy} | named)
