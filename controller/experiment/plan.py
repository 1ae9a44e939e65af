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
from controller.experiment.scenario import Scenario, override_policy, policy_text
from controller.experiment.scenario.faults import Fault
from nodes.config import OPEN_LINK, GuestSpec, InitiatorSpec, Queueing, Shape, Spec, TargetSpec
from nodes.errors import UsageError
from nodes.messages import Event, Role
from nodes.units import PAGE_BYTES, format_bps, format_bytes, format_ns
from traffic.profiles import Flood, sinks_of


class PlannedNode(Struct, frozen=True, kw_only=True):
    """One node at the start of the run."""

    name: str
    role: Role
    spec: Spec
    shape: Shape
    memory_limit_bytes: int
    """Of its container."""
    target: str = ""
    """The target an initiator swaps to; its address goes into the spec by `spec_at`."""
    storage_shape: Shape | None = None
    """An initiator's second card's link, which carries block traffic alone; None: `shape` carries everything."""
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


class PlannedFlood(Struct, frozen=True, kw_only=True):
    """A flood with its times and its first sink port."""

    flood: Flood
    port: int
    start_ns: int
    end_ns: int


class Told(Struct, frozen=True, kw_only=True):
    """What is recorded of a change: a setting, by its word, is from now on another than the run began with, or the same."""

    fault: str
    """`cut`, `stalled` or `down`; of all other settings the kind of fault that they belong to."""
    begins: bool
    concerns: tuple[str, ...] = ()
    """The initiators that it keeps from working, or lets work again."""


class Change(Struct, frozen=True, kw_only=True):
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
    changes: tuple[Change, ...]
    """In the order of their times."""

    @property
    def total_ns(self) -> int:
        """Planned time of the whole run; the heal phase may be extended."""
        return self.phases[-1].end_ns

    def describe(self) -> Iterator[str]:
        """The plan in lines for a person."""
        yield from _described(self)


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
    return tuple(
        PlannedFlood(
            flood=flood,
            port=sink.port,
            start_ns=begin_ns + flood.start_ns,
            end_ns=begin_ns + (flood.start_ns + flood.duration_ns if flood.duration_ns else length_ns),
        )
        for flood, sink in zip(scenario.floods, sinks_of(scenario.floods), strict=True)
    )


def _changes(scenario: Scenario, nodes: Sequence[PlannedNode]) -> Iterator[Change]:
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
                yield Change(
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


def _described(work: Plan) -> Iterator[str]:
    for node in work.nodes:
        limit = f"; container limit {format_bytes(node.memory_limit_bytes)}" if work.scenario.tier != "sim" else ""
        yield f"{node.name}: {_node(node)}{limit}"
    if work.nodes:
        yield from _links(work.nodes[0])
    for phase in work.phases:
        yield f"{_span(phase.start_ns, phase.end_ns)}: {phase.name}"
    for item in work.floods:
        yield f"{_span(item.start_ns, item.end_ns)}: {_flood(item)}"
    for change in work.changes:
        for told in change.told:
            yield f"{format_ns(change.at_ns)}: {told.fault} {'begins' if told.begins else 'ends'} at {change.node}"
    if remedies := work.scenario.rescue:
        waited = format_ns(work.scenario.phases.rescue_ns)
        yield f"rescue of who stands still then: {', '.join(map(str, remedies))}; {waited} each"
    yield from (f"expects {expectation}" for expectation in work.scenario.expect)
    for name, arm in work.scenario.arms.items():
        yield f"arm {name}: policy {arm.policy} must give {' or '.join(arm.verdict)}"
    yield f"planned time: {format_ns(work.total_ns)}"


def _node(node: PlannedNode) -> str:
    if isinstance(node.spec, TargetSpec):
        spread = "" if node.spec.latency_spread == "fixed" else f" ({node.spec.latency_spread})"
        return f"disk {format_bytes(node.spec.size_bytes)}, latency {format_ns(node.spec.latency_ns)}{spread}"
    machine = node.spec.machine
    memory, area = format_bytes(machine.memory_pages * PAGE_BYTES), format_bytes(machine.working_set_pages * PAGE_BYTES)
    cards = f"{machine.nic} and {machine.storage_nic} for storage" if machine.storage_nic else machine.nic
    return (
        f"policy {policy_text(node.spec.policy)}, {memory} memory, {machine.min_free_pages} pages min, {cards},"
        f" working set {area} on {node.target} at {format_bytes(node.spec.swap_offset_bytes)}"
    )


def _links(node: PlannedNode) -> Iterator[str]:
    queueing = node.queueing
    yield f"link: {_link(node.shape)}"
    if node.storage_shape is not None:
        yield f"storage link: {_link(node.storage_shape)}"
    if queueing != Queueing():
        yield f"queues: {queueing.queue_packets} packets, losses in bursts of {queueing.loss_burst_packets}"


def _link(shape: Shape) -> str:
    rate = format_bps(shape.rate_bps) if shape.rate_bps else "unlimited"
    shares = (("loss", shape.loss_ratio), ("reorder", shape.reorder_ratio), ("duplicate", shape.duplicate_ratio))
    troubles = "".join(f", {name} {share:.3%}" for name, share in shares if share)
    return f"{rate}, delay {format_ns(shape.delay_ns or 0)}, jitter {format_ns(shape.jitter_ns or 0)}{troubles}"


def _flood(item: PlannedFlood) -> str:
    flood = item.flood
    return (
        f"{flood.kind} flood, {flood.rate_pps} pps x {flood.size_bytes} B to {flood.sockets} sockets from port {item.port},"
        f" reader {flood.reader}, rcvbuf {format_bytes(flood.rcvbuf_bytes)}"
    )


def _span(start_ns: int, end_ns: int) -> str:
    return f"{format_ns(start_ns) if start_ns else '0 s'} to {format_ns(end_ns)}"
