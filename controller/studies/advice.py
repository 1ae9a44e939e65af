"""What would save a machine that did not survive: another policy, or a larger reserve, tried in the simulator.

One run with one seed is tried for each, so the answer is a hint where to look. `netreserve size` tells how sure a
reserve is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from controller.experiment.scenario import Scenario
from controller.experiment.scenario.policies import policy_text
from controller.experiment.scenario.vary import vary
from nodes.errors import UsageError
from nodes.machine.policies import POLICIES
from nodes.machine.policies.base import Policy
from nodes.units import PAGE_BYTES

Survives = Callable[[Scenario], bool]
"""Simulates a scenario: does the machine go on?"""

RESERVE_SHARE_MAX = 4
"""A reserve of more than a quarter of memory is not advised: the machine has work to do (own)."""
NARROWER = 3
"""How often the interval between a reserve that fails and one that does is halved: to within an eighth of it (own)."""


def advice(scenario: Scenario, survives: Survives) -> Iterator[str]:
    """What saves it, each as words that `run` takes, as soon as it is found: `--policy memalloc`, then
    `--set 'nodes.initiator.min_free=4096 KiB'`. Nothing where nothing that was tried does."""
    if policy := saving_policy(scenario, survives):
        yield f"--policy {policy}"
    if reserve := saving_reserve(scenario, survives):
        yield f"--set 'nodes.initiator.min_free={reserve}'"


def candidates(scenario: Scenario) -> Iterator[Scenario]:
    """The same scenario under every other policy that a machine can have; nobody has an oracle. Those that a stock kernel
    has come first, and of them those that flag the socket."""
    others = [policy for policy in POLICIES.values() if not policy.oracle and policy.name != scenario.policy.name]
    for policy in sorted(others, key=_effort):
        try:
            yield vary(scenario, {"policy": policy.name})
        except UsageError:
            continue  # the machine cannot hold that policy's reserve or pools


def _effort(policy: Policy) -> tuple[bool, ...]:
    switches = policy.in_kernel
    return (switches is None, not policy.memalloc_socket, switches is not None and switches.iface)


def saving_policy(scenario: Scenario, survives: Survives) -> str:
    """The first policy that saves it, as `--policy` takes it; empty when none does."""
    found = next((changed for changed in candidates(scenario) if survives(changed)), None)
    return policy_text(found.policy) if found is not None else ""


def saving_reserve(scenario: Scenario, survives: Survives) -> str:
    """A `min_free` that saves it, as a scenario says it, near the smallest; empty when a quarter of memory does not."""
    asked = scenario.nodes.initiator.min_free_pages
    fails, works = asked, 0
    most = scenario.nodes.initiator.memory_pages // RESERVE_SHARE_MAX
    while not works and fails * 2 <= most:
        changed = _with_reserve(scenario, fails * 2)
        if changed is not None and survives(changed):
            works = fails * 2
        else:
            fails *= 2
    for _ in range(NARROWER if works else 0):
        middle = (fails + works) // 2
        changed = _with_reserve(scenario, middle)
        fails, works = (fails, middle) if changed is not None and survives(changed) else (middle, works)
    return _written(works) if works else ""


def _with_reserve(scenario: Scenario, pages: int) -> Scenario | None:
    try:
        return vary(scenario, {"nodes.initiator.min_free": _written(pages)})
    except UsageError:
        return None


def _written(pages: int) -> str:
    return f"{pages * PAGE_BYTES >> 10} KiB"
