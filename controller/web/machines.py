"""What each node of a run is: role, memory, marks and card, and what floods come, as its scenario says."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from controller.experiment.plan import Plan, PlannedNode, plan
from controller.experiment.scenario.faults import check_marks
from controller.store.recorded import Recorded
from nodes.config import InitiatorSpec
from nodes.errors import NetreserveError
from nodes.machine.nic import NICS


class MachineView(Struct, frozen=True, kw_only=True):
    """A machine at the start of its run; samples say what its marks are later."""

    memory_pages: int
    working_set_pages: int
    min_pages: int
    low_pages: int
    high_pages: int
    refill_floor_pages: int
    """3/8 of min: how deep a driver without rights may go (physics.md section 2)."""
    queue_depth: int
    nic: str
    ring_slots: int
    refill: str
    """Who fills the card's ring: `nodes.machine.nic.NicModel.refill`."""
    storage_nic: str = ""


class NodeView(Struct, frozen=True, kw_only=True):
    """A node of a run; `machine` is None for a target, and where no scenario tells."""

    name: str
    role: str
    target: str = ""
    """Of an initiator: whose disk it swaps to."""
    machine: MachineView | None = None


class FloodView(Struct, frozen=True, kw_only=True):
    """A flood as it was planned; times count from the beginning of the run."""

    kind: str
    rate_pps: int
    size_bytes: int
    start_ns: int
    end_ns: int


def planned(recorded: Recorded, names: Sequence[str]) -> tuple[Plan | None, str]:
    """What was planned for a run, of whose nodes `names` sent samples; else None, and why nobody knows it (empty for a run
    by hand, which has no plan)."""
    if recorded.result.kind != "scenario":
        return None, ""
    try:
        scenario = recorded.scenario()
        initiators = [name for name in names if not name.startswith("target")]
        return plan(scenario, initiators=initiators if len(initiators) == scenario.nodes.initiator.count else ()), ""
    except NetreserveError as error:
        return None, f"its machines are not known: {error}"


def nodes_of(work: Plan) -> list[NodeView]:
    """Everybody who takes part."""
    return [_node(node) for node in work.nodes]


def floods_of(work: Plan) -> list[FloodView]:
    """All of them."""
    return [
        FloodView(
            kind=item.flood.kind,
            rate_pps=item.flood.rate_pps,
            size_bytes=item.flood.size_bytes,
            start_ns=item.start_ns,
            end_ns=item.end_ns,
        )
        for item in work.floods
    ]


def known(name: str) -> NodeView:
    """Somebody of whom the samples alone tell."""
    return NodeView(name=name, role="target" if name.startswith("target") else "initiator")


def _node(node: PlannedNode) -> NodeView:
    machine = machine_of(node.spec) if isinstance(node.spec, InitiatorSpec) else None
    return NodeView(name=node.name, role=node.role, target=node.target, machine=machine)


def machine_of(spec: InitiatorSpec) -> MachineView:
    """Raises UsageError for marks that do not fit into its memory."""
    machine, card = spec.machine, NICS[spec.machine.nic]
    marks = check_marks(machine.min_free_pages, spec.policy, machine)
    return MachineView(
        memory_pages=machine.memory_pages,
        working_set_pages=machine.working_set_pages,
        min_pages=marks.min_pages,
        low_pages=marks.low_pages,
        high_pages=marks.high_pages,
        refill_floor_pages=marks.atomic_floor,
        queue_depth=machine.queue_depth,
        nic=machine.nic,
        ring_slots=card.ring_slots,
        refill=card.refill,
        storage_nic=machine.storage_nic,
    )
