"""A plan in words: who is what, what happens when, and what is expected of it.

A line tells what everybody asks first. Behind it stands every other key that is not as it is without one, by the form of a
scenario file itself: a key that is added there is told here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.experiment.plan import FaultChange, Plan, PlannedNode, Told
from controller.experiment.rescue import SwitchTo
from controller.experiment.scenario import policy_text
from controller.experiment.scenario.fields import Key, Table
from controller.experiment.scenario.form import FLOOD, GUEST, INITIATOR, QUEUEING, SHAPE_KEYS, TARGET, PolicyForm
from controller.experiment.scenario.idle import idle
from controller.experiment.scenario.model import Phases
from nodes.config import GuestSpec, InitiatorSpec, MachineConfig, PolicySpec, Queueing, Shape, TargetSpec
from nodes.floods import Flood, PlannedFlood
from nodes.units import PAGE_BYTES, format_bps, format_bytes, format_ns

_TOLD_OF_MACHINE = {"count", "memory", "min_free", "nic", "storage_nic", "working_set", "guest"}
_TOLD_OF_POLICY = {"name", "allocator", "head_reserve", "era"}
_TOLD_OF_TARGET = {"count", "size", "latency", "latency_spread"}
_TOLD_OF_FLOOD = {"kind", "rate", "size", "sockets", "reader", "rcvbuf", "start", "duration"}


def described(work: Plan) -> Iterator[str]:
    """The plan in lines for a person."""
    scenario = work.scenario
    for node in work.nodes:
        limit = f"; container limit {format_bytes(node.memory_limit_bytes)}" if scenario.tier != "sim" else ""
        yield f"{node.name}: {_node(node, scenario.tier)}{limit}"
    if work.nodes:
        yield from _links(work.nodes[0])
    for phase in work.phases:
        yield f"{_span(phase.start_ns, phase.end_ns)}: {phase.name}"
    for item in work.floods:
        yield f"{_span(item.start_ns, item.end_ns)}: {_flood(item)}"
    for change in work.changes:
        for told in change.told:
            yield f"{format_ns(change.at_ns)}: {_change(change, told)}"
    yield from _rescue(work)
    yield from (f"expects {expectation}" for expectation in scenario.expect)
    for name, arm in scenario.arms.items():
        yield f"arm {name}: policy {arm.policy} must give {' or '.join(arm.verdict)}"
    if scenario.seed:
        yield f"seed: {scenario.seed}"
    yield f"planned time: {format_ns(work.total_ns)}"


def _node(node: PlannedNode, tier: str) -> str:
    if isinstance(node.spec, TargetSpec):
        spread = "" if node.spec.latency_spread == "fixed" else f" ({node.spec.latency_spread})"
        rest = _rest(TARGET.keys, node.spec, TargetSpec(), _TOLD_OF_TARGET)
        return f"disk {format_bytes(node.spec.size_bytes)}, latency {format_ns(node.spec.latency_ns)}{spread}{rest}"
    machine = node.spec.machine
    memory, area = format_bytes(machine.memory_pages * PAGE_BYTES), format_bytes(machine.working_set_pages * PAGE_BYTES)
    cards = f"{machine.nic} and {machine.storage_nic} for storage" if machine.storage_nic else machine.nic
    rest = _rest(INITIATOR.keys, machine, MachineConfig(), _TOLD_OF_MACHINE)
    return (
        f"policy {_policy(node.spec.policy)}, {memory} memory, {machine.min_free_pages} pages min, {cards},"
        f" working set {area} on {node.target} at {format_bytes(node.spec.swap_offset_bytes)}"
        f"{rest}{_guest(node.spec, tier)}{_no_matter(node.spec)}"
    )


def _policy(spec: PolicySpec) -> str:
    era = f" as of {spec.era}" if spec.era else ""
    plain = PolicySpec(name=spec.name, allocator=spec.allocator)
    return f"{policy_text(spec)}{era}{_rest(PolicyForm.table.keys, spec, plain, _TOLD_OF_POLICY)}"


def _guest(spec: InitiatorSpec, tier: str) -> str:
    """What only a real kernel is told; a modelled machine takes no notice."""
    rest = _rest(GUEST.keys, spec.guest, GuestSpec(), set()).removeprefix(", ")
    if not rest:
        return ""
    return f"; guest: {rest}" + ("" if tier == "kernel" else f" (no matter in tier {tier})")


def _no_matter(spec: InitiatorSpec) -> str:
    return "".join(f"; {key} is no matter: {why}" for key, why in idle(spec.machine, spec.policy))


def _links(node: PlannedNode) -> Iterator[str]:
    yield f"link: {_link(node.shape)}"
    if node.storage_shape is not None:
        yield f"storage link: {_link(node.storage_shape)}"
    if node.queueing != Queueing():
        queueing = node.queueing
        rest = _rest(QUEUEING.keys, queueing, Queueing(), {"queue", "loss_burst"})
        yield f"queues: {queueing.queue_packets} packets, losses in bursts of {queueing.loss_burst_packets}{rest}"


def _link(shape: Shape) -> str:
    rate = format_bps(shape.rate_bps) if shape.rate_bps else "unlimited"
    rest = _rest(
        SHAPE_KEYS, shape, Shape(loss_ratio=0, reorder_ratio=0, duplicate_ratio=0), {"rate", "delay", "jitter"}
    )
    return f"{rate}, delay {format_ns(shape.delay_ns or 0)}, jitter {format_ns(shape.jitter_ns or 0)}{rest}"


def _flood(item: PlannedFlood) -> str:
    flood = item.flood
    sockets = f"{flood.sockets} socket{'s' if flood.sockets > 1 else ''}"
    return (
        f"{flood.kind} flood, {flood.rate_pps} pps x {flood.size_bytes} B to {sockets} from port {item.port},"
        f" reader {flood.reader}, rcvbuf {format_bytes(flood.rcvbuf_bytes)}"
        f"{_rest(FLOOD.keys, flood, Flood(kind=flood.kind), _TOLD_OF_FLOOD)}"
    )


def _change(change: FaultChange, told: Told) -> str:
    """What begins or ends, and what is in force from then on."""
    line = f"{told.fault} {'begins' if told.begins else 'ends'} at {change.node}"
    match told.fault:
        case "policy":
            policy = change.spec_changes["policy"]
            assert isinstance(policy, PolicySpec)
            return f"{line}: policy {_policy(policy)}"
        case "min_free":
            machine = change.spec_changes["machine"]
            assert isinstance(machine, MachineConfig)
            return f"{line}: {machine.min_free_pages} pages min"
        case "shape":
            return f"{line}: {_values(SHAPE_KEYS, change.shape_changes)}"
        case "target":
            return f"{line}: {_values(TARGET.keys, change.spec_changes)}"
    return line


def _rescue(work: Plan) -> Iterator[str]:
    waited_ns, remedies = work.scenario.phases.rescue_ns, work.scenario.rescue
    if remedies:
        told = (f"policy {_policy(it.policy)}" if isinstance(it, SwitchTo) else str(it) for it in remedies)
        yield f"rescue of who stands still then: {', '.join(told)}; {format_ns(waited_ns)} each"
    elif waited_ns != Phases().rescue_ns:
        yield f"no rescue: no remedy is named, and phases.rescue, {format_ns(waited_ns)}, is no matter"


def _rest(keys: Iterable[Key], value: object, default: object, told: set[str]) -> str:
    """Every key that is not `told` and not as in `default`, with its value as a file has it."""
    left = [key for key in keys if key.name not in told]
    changed = {
        key.attribute: getattr(value, key.attribute)
        for key in left
        if getattr(value, key.attribute) != getattr(default, key.attribute)
    }
    told_now = _values(left, changed)
    return f", {told_now}" if told_now else ""


def _values(keys: Iterable[Key], values: dict[str, object]) -> str:
    parts = []
    for key in keys:
        if key.attribute in values:
            assert not isinstance(key.form, Table), f"'{key.name}' is a group of keys: it has words of its own"
            written = key.form.write(values[key.attribute])
            parts.append(f"{key.name} {str(written).lower() if isinstance(written, bool) else written}")
    return ", ".join(parts)


def _span(start_ns: int, end_ns: int) -> str:
    return f"{format_ns(start_ns) if start_ns else '0 s'} to {format_ns(end_ns)}"
