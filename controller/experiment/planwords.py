"""A plan in words: who is what, what happens when, and what is expected of it."""

from __future__ import annotations

from collections.abc import Iterator

from controller.experiment.plan import Plan, PlannedNode
from controller.experiment.scenario import policy_text
from nodes.config import Queueing, Shape, TargetSpec
from nodes.floods import PlannedFlood
from nodes.units import PAGE_BYTES, format_bps, format_bytes, format_ns


def described(work: Plan) -> Iterator[str]:
    """The plan in lines for a person."""
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
    era = f" as of {node.spec.policy.era}" if node.spec.policy.era else ""
    sender = f", sender {machine.sender}" if machine.sender else ""
    cards = f"{machine.nic} and {machine.storage_nic} for storage" if machine.storage_nic else machine.nic
    return (
        f"policy {policy_text(node.spec.policy)}{era}, {memory} memory, {machine.min_free_pages} pages min, {cards}{sender},"
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
    sockets = f"{flood.sockets} socket{'s' if flood.sockets > 1 else ''}"
    return (
        f"{flood.kind} flood, {flood.rate_pps} pps x {flood.size_bytes} B to {sockets} from port {item.port},"
        f" reader {flood.reader}, rcvbuf {format_bytes(flood.rcvbuf_bytes)}"
    )


def _span(start_ns: int, end_ns: int) -> str:
    return f"{format_ns(start_ns) if start_ns else '0 s'} to {format_ns(end_ns)}"
