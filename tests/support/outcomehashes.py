"""`python outcomehashes.py`: what simulated runs recorded, as a digest each; the last line tells whether compiled code ran.

A program of its own, since a process takes the machine either compiled or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from controller.experiment.scenario import Scenario, load
from controller.experiment.scenario.vary import vary
from controller.simulated.simulate import simulate
from nodes.compiled import in_use
from nodes.machine.policies import POLICIES

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
BRIEF = {"phases.warmup": "4 s", "phases.flood": "2 s", "phases.heal": "2 s"}
"""Memory is full after 3 s, and the flood takes it in one."""
TROUBLE = {"links.data.loss": "1 %", "links.data.jitter": "50 us", "floods.0.kind": "tcp"}


def runs() -> Iterator[tuple[str, Scenario]]:
    """classic under every policy with each of its allocators, once on bad links, and with a card of each refill kind."""
    classic = vary(load(SCENARIOS / "classic.yaml", "sim"), BRIEF)
    for name, policy in POLICIES.items():
        for allocator in policy.allocators:
            yield f"{name} {allocator}", vary(classic, {"policy": name, "policy.allocator": allocator})
    yield "trouble", vary(classic, TROUBLE)
    for nic in ("virtio-net", "r8169", "vmxnet3"):
        yield nic, vary(classic, {"nodes.initiator.nic": nic, "policy": "mainline"})


def main() -> None:
    """One line a run."""
    for name, scenario in runs():
        outcome = simulate(scenario, brief=True)
        record = msgspec.json.encode((outcome.samples, outcome.events, outcome.proofs))
        print(name, sha256(record).hexdigest(), outcome.handled_events)
    print("compiled" if in_use() else "interpreted")


if __name__ == "__main__":
    main()
