"""What a scenario comes down to: which node is to be what, and what happens when. Pure; the runner carries it out.

Times count from the start of the run. Nodes are named `initiator-1`, `target-1`, ... unless the names of those that are
online are given; initiator i uses target i modulo their count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct, structs

from controller.experiment import container_memory as room
from controller.experiment.evidence import STOPS, fault_event
from controller.experiment.record import Phase
from controller.experiment.scenario import Scenario, override_policy
from controller.experiment.scenario.faults import Fault
from nodes.config import OPEN_LINK, GuestSpec, InitiatorSpec, NodeSetup, Queueing, Shape, Spec
from nodes.errors import UsageError
from nodes.floods import Flood, PlannedFlood
from nodes.messages import Event, Role
from nodes.units import PAGE_BYTES
from traffic.profiles import sinks_of


class PlannedNode(NodeSetup, frozen=True, kw_only=True):
    """One node at the start of the run. The address of its target goes into the spec by `spec_at`."""

    role: Role
    memory_limit_bytes: int
    """Of its container."""
    queueing: Queueing = Queueing()
    """Of its links, where they are simulated."""

    def spec_at(self, addresses: Mapping[str, str]) -> Spec:
        """The spec with the target's `host:port` from `addresses` (by name). Raises UsageError when it is not there."""
        if not isinstance(self.spec, InitiatorSpec):
            return self.spec
        if self.target not in addresses:
            raise UsageError(
                f"{self.name} needs the address of {self.target}: known are {', '.join(addresses) or 'none'}"
            )
        return structs.replace(self.spec, target=addresses[self.target])


class Told(Struct, frozen=True, kw_only=True):
    """What is recorded of a change: a setting, by its word, is from now on another than the run began with, or the same."""

    fault: str
    """`cut`, `stalled` or `down`; of all other settings the kind of fault that they belong to."""
    begins: bool
    concerns: tuple[str, ...] = ()
    """The initiators that it keeps from working, or lets work again."""


class FaultChange(Struct, frozen=True, kw_only=True):
    """Faults begin or end at one node at one time: only the settings that differ are changed, whatever a person set
    meanwhile."""

    at_ns: int
    node: str
    told: tuple[Told, ...]
    """At least one; derived from the settings, so that it is true however many faults come together."""
    spec_changes: dict[str, object]
    shape_changes: dict[str, object]

    def apply(self, spec: Spec, shape: Shape) -> tuple[Spec, Shape]:
        """What `spec` and `shape` are to be now."""
        return structs.replace(spec, **self.spec_changes), structs.replace(shape, **self.shape_changes)

    def events(self, began_ns: int, done_ns: int, run: str) -> list[Event]:
        """What to record of it, when it was put in force between these Unix times: what begins does so at the first, what
        ends at the last, for nobody knows when in between."""
        return [
            fault_event(
                began_ns if told.begins else done_ns,
                run,
                self.node,
                told.fault,
                begins=told.begins,
                concerns=told.concerns,
            )
            for told in self.told
        ]


class Plan(Struct, frozen=True, kw_only=True):
    """A scenario, worked out."""

    scenario: Scenario
    nodes: tuple[PlannedNode, ...]
    phases: tuple[Phase, ...]
    floods: tuple[PlannedFlood, ...]
    changes: tuple[FaultChange, ...]
    """In the order of their times."""

    @property
    def total_ns(self) -> int:
        """Planned time of the whole run; the heal phase may be extended."""
        return self.phases[-1].end_ns


def plan(
    scenario: Scenario,
    policy: str = "",
    *,
    initiators: Sequence[str] = (),
    targets: Sequence[str] = (),
) -> Plan:
    """The plan of `scenario`, under `policy` if one is given. `initiators`, `targets`: names of nodes that are online, as
    many as the scenario counts are used. Raises UsageError for a policy that cannot be or too few names."""
    if policy:
        scenario = override_policy(scenario, policy)
    initiator_names = _names("initiator", scenario.nodes.initiator.count, initiators)
    target_names = _names("target", scenario.nodes.target.count, targets)
    nodes = (*_initiators(scenario, initiator_names, target_names), *_targets(scenario, target_names))
    return Plan(
        scenario=scenario,
        nodes=nodes,
        phases=_phases(scenario),
        floods=_floods(scenario),
        changes=tuple(sorted(_changes(scenario, nodes), key=lambda change: change.at_ns)),
    )


def _names(role: str, count: int, online: Sequence[str]) -> list[str]:
    if not online:
        return [f"{role}-{index + 1}" for index in range(count)]
    if len(online) < count:
        raise UsageError(
            f"the scenario needs {count} {role}s, {len(online)} are there: start more with --scale {role}={count}"
        )
    return list(online[:count])


def _initiators(scenario: Scenario, names: list[str], targets: list[str]) -> Iterator[PlannedNode]:
    machine = scenario.nodes.initiator.machine()
    area_bytes = machine.working_set_pages * PAGE_BYTES
    for index, name in enumerate(names):
        spec = InitiatorSpec(
            machine=machine,
            policy=scenario.policy,
            sinks=sinks_of(scenario.floods),
            swap_offset_bytes=index // len(targets) * area_bytes,
            guest=scenario.nodes.initiator.guest or GuestSpec(),
        )
        yield PlannedNode(
            name=name,
            role="initiator",
            spec=spec,
            shape=scenario.links.data,
            memory_limit_bytes=room.of_initiator(scenario.tier, spec),
            target=targets[index % len(targets)],
            storage_shape=_storage_shape(scenario),
            queueing=scenario.links.queueing,
        )


def _targets(scenario: Scenario, names: list[str]) -> Iterator[PlannedNode]:
    target = scenario.nodes.target.target()
    sharing = -(-scenario.nodes.initiator.count // len(names))
    limit_bytes = room.of_target(scenario.tier, target, sharing)
    for name in names:
        yield PlannedNode(
            name=name,
            role="target",
            spec=target,
            shape=_storage_shape(scenario) or scenario.links.data,
            memory_limit_bytes=limit_bytes,
            queueing=scenario.links.queueing,
        )


def _storage_shape(scenario: Scenario) -> Shape | None:
    return (scenario.links.storage or OPEN_LINK) if scenario.nodes.initiator.storage_nic else None


def _phases(scenario: Scenario) -> tuple[Phase, ...]:
    phases = scenario.phases
    ends = [0, phases.warmup_ns, phases.warmup_ns + phases.flood_ns, phases.total_ns]
    names = ("warmup", "flood", "heal")
    return tuple(Phase(name=name, start_ns=a, end_ns=b) for name, (a, b) in zip(names, pairwise(ends), strict=True))


def _floods(scenario: Scenario) -> tuple[PlannedFlood, ...]:
    begin_ns, length_ns = scenario.phases.warmup_ns, scenario.phases.flood_ns
    sinks = sinks_of(scenario.floods)
    return tuple(
        _flood(flood, sink.port, begin_ns, length_ns) for flood, sink in zip(scenario.floods, sinks, strict=True)
    )


def _flood(flood: Flood, port: int, begin_ns: int, length_ns: int) -> PlannedFlood:
    """`begin_ns`, `length_ns`: of the flood phase."""
    end_ns = flood.start_ns + flood.duration_ns if flood.duration_ns else length_ns
    return PlannedFlood(
        flood=flood,
        port=port,
        start_ns=begin_ns + flood.start_ns,
        end_ns=begin_ns + (end_ns if flood.stopped_ns is None else flood.stopped_ns),
        whole_ns=0 if flood.stopped_ns is None else end_ns - flood.start_ns,
    )


def _changes(scenario: Scenario, nodes: Sequence[PlannedNode]) -> Iterator[FaultChange]:
    for node, generic in zip(nodes, _generic_names(nodes), strict=True):
        concerned = [fault for fault in scenario.faults if fault.concerns(generic)]
        times = sorted({time for fault in concerned for time in (fault.at_ns, fault.end_ns) if time is not None})
        spec, shape = node.spec, node.shape
        for time_ns in times:
            new_spec, new_shape = _in_force(node, concerned, time_ns)
            spec_changes, shape_changes = _differing(spec, new_spec), _differing(shape, new_shape)
            spec, shape = new_spec, new_shape
            if spec_changes or shape_changes:
                apart = _differing(node.spec, spec) | _differing(node.shape, shape)
                yield FaultChange(
                    at_ns=scenario.phases.warmup_ns + time_ns,
                    node=node.name,
                    told=tuple(_told(node, nodes, spec_changes | shape_changes, apart)),
                    spec_changes=spec_changes,
                    shape_changes=shape_changes,
                )


def _told(
    node: PlannedNode, nodes: Sequence[PlannedNode], changed: Iterable[str], apart: Iterable[str]
) -> Iterator[Told]:
    """`changed`: the settings that change now; `apart`: those that are now others than the run began with."""
    still = set(map(_word, apart))
    for word in dict.fromkeys(map(_word, changed)):
        yield Told(fault=word, begins=word in still, concerns=_served(node, nodes) if word in STOPS else ())


def _generic_names(nodes: Sequence[PlannedNode]) -> Iterator[str]:
    """Faults speak of `initiator-1`, whatever the nodes that are online are called."""
    seen = {"initiator": 0, "target": 0}
    for node in nodes:
        seen[node.role] += 1
        yield f"{node.role}-{seen[node.role]}"


def _in_force(node: PlannedNode, faults: Sequence[Fault], time_ns: int) -> tuple[Spec, Shape]:
    """The settings at `time_ns` (after the flood phase began): what stays is applied first, then what passes."""
    spec, shape = node.spec, node.shape
    begun = sorted((fault for fault in faults if fault.at_ns <= time_ns), key=lambda fault: fault.at_ns)
    lasting = [fault for fault in begun if fault.end_ns is None]
    passing = [fault for fault in begun if fault.end_ns is not None and time_ns < fault.end_ns]
    for fault in (*lasting, *passing):
        spec, shape = fault.apply(spec, shape)
    return spec, shape


def _differing(before: Struct, after: Struct) -> dict[str, object]:
    names = before.__struct_fields__
    return {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}


def _word(setting: str) -> str:
    """For a setting of a spec or a shape: see `Told.fault`."""
    if setting in STOPS:
        return setting
    if setting in Shape.__struct_fields__:
        return "shape"
    return {"policy": "policy", "machine": "min_free"}.get(setting, "target")


def _served(node: PlannedNode, nodes: Sequence[PlannedNode]) -> tuple[str, ...]:
    """The initiators that cannot work when nothing passes at `node`: it or those that use it. An initiator with a card of
    its own for storage swaps over that one, whatever happens to the other."""
    if node.role == "target":
        return tuple(other.name for other in nodes if other.target == node.name)
    return () if node.storage_shape else (node.name,)
