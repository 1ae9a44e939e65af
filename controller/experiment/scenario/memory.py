"""What must hold of memory before anything runs: watermarks, rings and pools fit into the machine's, and the machines into
this computer's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from msgspec import structs

from controller.experiment.scenario.faults import SetMinFree, SwitchPolicy, check_marks
from controller.experiment.scenario.limits import Finding
from controller.experiment.scenario.model import Scenario
from controller.experiment.scenario.policies import policy_text, read_policy
from nodes.config import MachineConfig, PolicySpec
from nodes.errors import UsageError
from nodes.machine.machine import Machine
from nodes.machine.policies import POLICIES
from nodes.machine.relay import refusal
from nodes.units import PAGE_BYTES, format_bytes, format_ns

MODELLED_BYTES_MAX = 64 << 30
"""Of memory or working set, all initiators together. A resident page costs some 120 bytes here and one that was never
touched 9, so that 64 GiB are 2 GiB of this computer's memory (measured)."""
DISK_BYTES_MAX = 1 << 40
"""Of a target: more than all working sets that can be modelled (own)."""


def modelled(scenario: Scenario) -> Iterator[Finding]:
    """What this computer would have to hold."""
    initiator, target = scenario.nodes.initiator, scenario.nodes.target
    for name, pages in (("memory", initiator.memory_pages), ("working_set", initiator.working_set_pages)):
        if (total_bytes := initiator.count * pages * PAGE_BYTES) > MODELLED_BYTES_MAX:
            told, most = format_bytes(total_bytes), format_bytes(MODELLED_BYTES_MAX)
            yield f"nodes.initiator.{name}", f"all initiators together have {told}: at most {most} can be modelled"
    if target.size_bytes > DISK_BYTES_MAX:
        told, most = format_bytes(target.size_bytes), format_bytes(DISK_BYTES_MAX)
        yield "nodes.target.size", f"size {told} is too much: at most {most} is possible"


def at_start(scenario: Scenario) -> Iterator[Finding]:
    """The marks leave room in memory, which holds what a machine has in it at rest, under every policy that is named."""
    initiator = scenario.nodes.initiator
    memory, least = initiator.memory_pages, initiator.min_free_pages
    if least >= memory:
        yield "nodes.initiator.min_free", f"min_free {size(least)} is not below memory {size(memory)}"
        return
    for path, policy in policies(scenario):
        under = f"(under policy {policy_text(policy)} of '{path}')"
        if problem := unmarkable(scenario, least, policy):
            yield "nodes.initiator.min_free", f"{problem} {under}"
            return
        if problem := _unboostable(initiator, policy):
            yield "nodes.initiator.boost", f"{problem} {under}"
            return
        machine = structs.replace(initiator.machine(), working_set_pages=1)
        if refusal(machine, POLICIES[policy.name]):
            continue  # told where the process is asked for
        if problem := _unbuildable(machine, policy):
            yield "policy.pool" if policy.pool_bytes else "nodes.initiator.memory", f"{problem} {under}"
            return


def changed(scenario: Scenario) -> Iterator[Finding]:
    """The marks leave room also where faults change policy and min_free, one on top of the other."""
    if unmarkable(scenario, scenario.nodes.initiator.min_free_pages, scenario.policy):
        return  # told by `at_start`
    faults = [fault for fault in scenario.faults if isinstance(fault, (SwitchPolicy, SetMinFree))]
    moments = {fault.at_ns for fault in faults} | {fault.end_ns for fault in faults if fault.end_ns is not None}
    for node in dict.fromkeys(fault.node for fault in faults):
        for moment_ns in sorted(moments):
            active = [fault for fault in faults if fault.concerns(node) and _lasts(fault, moment_ns)]
            policy, min_free_pages = _in_force(scenario, active)
            if active and (problem := unmarkable(scenario, min_free_pages, policy)):
                last = max(active, key=lambda fault: fault.at_ns)
                yield f"faults[{scenario.faults.index(last)}].{last.kind}", f"{problem} (in force {_at(moment_ns)})"
                return


def _unboostable(initiator: MachineConfig, policy: PolicySpec) -> str:
    """Why the watermarks cannot be raised by so much; empty when they can."""
    marks = check_marks(initiator.min_free_pages, policy, initiator)
    try:
        marks.check_boost(initiator.boost_pages, initiator.memory_pages)
    except UsageError as error:
        return str(error)
    return ""


def unmarkable(scenario: Scenario, min_free_pages: int, policy: PolicySpec) -> str:
    """Why the watermarks cannot be so; empty when they can."""
    try:
        check_marks(min_free_pages, policy, scenario.nodes.initiator)
    except UsageError as error:
        return str(error)
    return ""


def policies(scenario: Scenario) -> list[tuple[str, PolicySpec]]:
    """Under which it may begin: the scenario's own and those of its arms, with the keys where they stand."""
    arms = [(f"arms.{name}", read_policy(arm.policy)) for name, arm in scenario.arms.items()]
    return [("policy", scenario.policy), *arms]


def size(pages: int) -> str:
    """`64 MiB (16384 pages)`."""
    return f"{format_bytes(pages * PAGE_BYTES)} ({pages} pages)"


@lru_cache(maxsize=4096)
def _unbuildable(machine: MachineConfig, policy: PolicySpec) -> str:
    """Why memory does not hold the rings and pools of `machine`; empty when it does. It is built as a run
    builds it; the caller leaves the working set out, which costs memory here and decides nothing."""
    try:
        Machine(machine, policy, 0)
    except UsageError as error:
        return str(error)
    return ""


def _lasts(fault: SwitchPolicy | SetMinFree, moment_ns: int) -> bool:
    return fault.at_ns <= moment_ns and (fault.end_ns is None or moment_ns < fault.end_ns)


def _in_force(scenario: Scenario, active: list[SwitchPolicy | SetMinFree]) -> tuple[PolicySpec, int]:
    policy, min_free_pages = scenario.policy, scenario.nodes.initiator.min_free_pages
    for fault in sorted(active, key=lambda fault: fault.at_ns):
        if isinstance(fault, SwitchPolicy):
            policy = fault.policy
        else:
            min_free_pages = fault.min_free_pages
    return policy, min_free_pages


def _at(moment_ns: int) -> str:
    return f"{format_ns(moment_ns)} after the flood phase begins"
