"""Relations between a scenario's settings: each check yields what does not hold, with the values and what would be right."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from controller.experiment.rescue import SetMin, SwitchTo
from controller.experiment.scenario import memory
from controller.experiment.scenario.faults import Fault, Reshape, SetMinFree, Storage, SwitchPolicy
from controller.experiment.scenario.idle import contradiction
from controller.experiment.scenario.limits import Finding, beyond
from controller.experiment.scenario.model import Scenario
from controller.experiment.scenario.policies import WITH, policy_text
from nodes.config import SINK_PORT_FIRST, PolicySpec
from nodes.machine.allocators import can_change
from nodes.machine.policies import POLICIES
from nodes.machine.relay import refusal
from nodes.units import PAGE_BYTES, format_bytes, format_ns
from traffic.profiles import sinks_of

PORTS = 65_536 - SINK_PORT_FIRST
NEEDS_DELAY = "reorder needs a delay, for example 'delay: 1 ms': a reordered packet is one that skips it"


def _pressure(scenario: Scenario) -> Iterator[Finding]:
    initiator = scenario.nodes.initiator
    working_set, held = initiator.working_set_pages, initiator.memory_pages
    if working_set <= held:
        yield (
            "nodes.initiator.working_set",
            f"working_set {memory.size(working_set)} fits into memory {memory.size(held)}: nothing would ever be swapped",
        )


def _disk(scenario: Scenario) -> Iterator[Finding]:
    initiator, target = scenario.nodes.initiator, scenario.nodes.target
    sharing = -(-initiator.count // target.count)
    needed_bytes = sharing * initiator.working_set_pages * PAGE_BYTES
    if target.size_bytes < needed_bytes:
        yield (
            "nodes.target.size",
            f"size {format_bytes(target.size_bytes)} is smaller than the working sets of the {sharing} initiators that"
            f" share a target: at least {format_bytes(needed_bytes)} is needed",
        )


def _floods(scenario: Scenario) -> Iterator[Finding]:
    for index, flood in enumerate(scenario.floods):
        end_ns = flood.start_ns + flood.duration_ns
        if flood.start_ns >= scenario.phases.flood_ns or end_ns > scenario.phases.flood_ns:
            yield (
                f"floods[{index}]",
                f"it lasts from {format_ns(flood.start_ns)} to {format_ns(max(end_ns, flood.start_ns))}, but the flood"
                f" phase only {format_ns(scenario.phases.flood_ns)}",
            )
        if flood.stopped_ns is not None and not (
            flood.start_ns < flood.stopped_ns < (end_ns if flood.duration_ns else scenario.phases.flood_ns)
        ):
            yield f"floods[{index}].stopped", f"{format_ns(flood.stopped_ns)} is not within the flood"
        try:
            sinks_of((flood,))
        except ValueError as error:
            yield f"floods[{index}].rcvbuf", str(error).replace("rcvbuf_bytes", "rcvbuf")
    if (sockets := sum(flood.sockets for flood in scenario.floods)) > PORTS:
        yield "floods", f"they ask for {sockets} sockets in all: each needs a port of its own, and {PORTS} are there"


def _expectations(scenario: Scenario) -> Iterator[Finding]:
    names = _all_names(scenario)
    for index, expectation in enumerate(scenario.expect):
        if expectation.node and expectation.node not in names:
            yield f"expect[{index}].node", _unknown_node(expectation.node, names)


def _faults(scenario: Scenario) -> Iterator[Finding]:
    names = _all_names(scenario)
    last_ns = scenario.phases.flood_ns + scenario.phases.heal_ns
    for index, fault in enumerate(scenario.faults):
        path = f"faults[{index}]"
        if fault.node not in names:
            yield f"{path}.node", _unknown_node(fault.node, names)
        elif problem := _wrong_role(fault):
            yield f"{path}.node", problem
        if fault.at_ns >= last_ns or (fault.end_ns or 0) > last_ns:
            yield path, f"it must begin and end within flood and heal, the first {format_ns(last_ns)}"
        if not _changes(fault):
            yield path, "it changes nothing: name at least one of its settings"
        yield from ((path, problem) for problem in _overlaps(scenario.faults[:index], fault))
        yield from ((f"{path}.policy", problem) for problem in _switch(scenario, fault))
        if _reorders_at_once(scenario, fault):
            yield f"{path}.reorder", NEEDS_DELAY


def _rescue(scenario: Scenario) -> Iterator[Finding]:
    for index, remedy in enumerate(scenario.rescue):
        for path, policy in memory.policies(scenario):
            if isinstance(remedy, SwitchTo) and (
                problem := _unswitchable(scenario, path, policy, remedy.instead_of(policy))
            ):
                yield f"rescue[{index}].policy", problem
                break
        if isinstance(remedy, SetMin) and (
            problem := memory.unmarkable(scenario, remedy.min_free_pages, scenario.policy)
        ):
            yield f"rescue[{index}].min_free", problem


def _relay(scenario: Scenario) -> Iterator[Finding]:
    initiator = scenario.nodes.initiator
    for name in ("relay_locked", "relay_flusher"):
        if initiator.relay == "none" and getattr(initiator, name):
            yield f"nodes.initiator.{name}", "there is no process: name one with 'relay: initiator' or 'relay: target'"
    for path, policy in memory.policies(scenario):
        if problem := refusal(initiator, POLICIES[policy.name]):
            yield "nodes.initiator.relay", f"{problem}, or take 'relay: target' (policy of '{path}')"
            break
    if initiator.relay == "target" and scenario.nodes.target.count < initiator.count:
        yield "nodes.target.count", f"with relay: target each of {initiator.count} machines has a target of its own"


def _sender(scenario: Scenario) -> Iterator[Finding]:
    for path, policy in memory.policies(scenario):
        if problem := contradiction(scenario.nodes.initiator, policy):
            yield "nodes.initiator.sender", f"{problem} (policy of '{path}')"
            return


def _links(scenario: Scenario) -> Iterator[Finding]:
    for name, shape in (("data", scenario.links.data), ("storage", scenario.links.storage)):
        if shape is None:
            continue
        if (shape.jitter_ns or 0) > (shape.delay_ns or 0):
            yield (
                f"links.{name}.jitter",
                f"jitter {format_ns(shape.jitter_ns or 0)} is more than delay {format_ns(shape.delay_ns or 0)}:"
                " no packet can arrive before it was sent",
            )
        if shape.reorder_ratio and not shape.delay_ns:
            yield f"links.{name}.reorder", NEEDS_DELAY
    if scenario.links.storage and not scenario.nodes.initiator.storage_nic:
        yield "links.storage", "no card is on this network: name one with nodes.initiator.storage_nic, e.g. 'e1000e'"


CHECKS: tuple[Callable[[Scenario], Iterator[Finding]], ...] = (
    memory.modelled,
    memory.at_start,
    _pressure,
    _disk,
    _floods,
    _faults,
    memory.changed,
    _rescue,
    _expectations,
    _links,
    _relay,
    _sender,
)


def findings(scenario: Scenario) -> Iterator[Finding]:
    """All that does not hold, and what the scenario's tier cannot carry out."""
    for check in CHECKS:
        yield from check(scenario)
    yield from beyond(scenario)


def _all_names(scenario: Scenario) -> list[str]:
    return [*_names("initiator", scenario.nodes.initiator.count), *_names("target", scenario.nodes.target.count)]


def _unknown_node(name: str, names: list[str]) -> str:
    return f"unknown node '{name}': one of {', '.join(names)}"


def _names(role: str, count: int) -> list[str]:
    return [role, *(f"{role}-{index + 1}" for index in range(count))]


def _wrong_role(fault: Fault) -> str:
    role = fault.node.rsplit("-", 1)[0] if "-" in fault.node else fault.node
    if isinstance(fault, Storage) and role != "target":
        return f"'{fault.node}' is not a target: a fault of kind target needs 'target' or 'target-1'"
    if isinstance(fault, (SwitchPolicy, SetMinFree)) and role != "initiator":
        return f"'{fault.node}' is not an initiator: a fault of kind {fault.kind} needs 'initiator' or 'initiator-1'"
    return ""


def _changes(fault: Fault) -> bool:
    own = [name for name in type(fault).__struct_fields__ if name not in Fault.__struct_fields__]
    return not own or any(getattr(fault, name) is not None for name in own)


def _overlaps(earlier: tuple[Fault, ...], fault: Fault) -> Iterator[str]:
    for index, other in enumerate(earlier):
        same_place = other.concerns(fault.node) or fault.concerns(other.node)
        if type(other) is not type(fault) or not same_place or other.end_ns is None or fault.end_ns is None:
            continue
        if other.at_ns < fault.end_ns and fault.at_ns < other.end_ns:
            yield f"it overlaps faults[{index}], which is of the same kind at the same node"


def _reorders_at_once(scenario: Scenario, fault: Fault) -> bool:
    """Whether `fault` makes a link reorder that has no delay, after all that other faults have changed for good."""
    if not isinstance(fault, Reshape) or (fault.reorder_ratio is None and fault.delay_ns is None):
        return False
    shape = scenario.links.data
    for other in sorted(scenario.faults, key=lambda other: other.at_ns):
        same_place = other.concerns(fault.node) or fault.concerns(other.node)
        if isinstance(other, Reshape) and same_place and other.end_ns is None and other.at_ns <= fault.at_ns:
            shape = other.changed(shape)
    shape = fault.changed(shape)
    return bool(shape.reorder_ratio) and not shape.delay_ns


def _switch(scenario: Scenario, fault: Fault) -> Iterator[str]:
    """What the machine itself would refuse in the middle of the run (nodes.machine.machine)."""
    if not isinstance(fault, SwitchPolicy):
        return
    problems = (_unswitchable(scenario, path, policy, fault.policy) for path, policy in memory.policies(scenario))
    if problem := next(filter(None, problems), ""):
        yield problem


def _unswitchable(scenario: Scenario, path: str, policy: PolicySpec, asked: PolicySpec) -> str:
    names = f"'{policy_text(policy)}' of '{path}' to '{policy_text(asked)}'"
    if POLICIES[policy.name].local_disk != POLICIES[asked.name].local_disk:
        return f"{names}: a running machine cannot change its swap disk: name another policy, or run both"
    machine = scenario.nodes.initiator
    if problem := refusal(machine, POLICIES[asked.name]) or contradiction(machine, asked):
        return f"{names}: {problem}"
    if asked.pool_bytes != policy.pool_bytes:
        return f"{names}: a running machine set its packet pools aside when it started: write the same 'pool'"
    if not can_change(policy.allocator, asked.allocator):
        return (
            f"{names}: a running machine cannot change its packet allocator, '{policy.allocator}':"
            f" {_same_allocator(asked.name, policy.allocator)}"
        )
    return ""


def _same_allocator(name: str, allocator: str) -> str:
    if allocator in POLICIES[name].allocators:
        return f"write '{name}{WITH}{allocator}'"
    return f"policy '{name}' cannot use it (possible: {', '.join(POLICIES[name].allocators)})"
