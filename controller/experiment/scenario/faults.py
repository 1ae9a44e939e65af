"""Faults: what happens to the testbed beside the flood. Each knows what it does to a node's spec and link."""

from __future__ import annotations

from msgspec import Struct, structs

from nodes.config import InitiatorSpec, MachineConfig, PolicySpec, Shape, Spec, TargetSpec
from nodes.errors import UsageError
from nodes.machine.policies import POLICIES
from nodes.machine.watermarks import Watermarks


class Fault(Struct, frozen=True, kw_only=True):
    """`at_ns` counts from the start of the flood phase. `node` is a role (`initiator`, `target`: all of it) or one node
    (`initiator-2`)."""

    at_ns: int
    duration_ns: int = 0
    """After it the setting is as before; 0: it stays."""
    node: str = "initiator"

    @property
    def kind(self) -> str:
        """The word in the file."""
        return next(kind for kind, record in KINDS.items() if type(self) is record)

    @property
    def end_ns(self) -> int | None:
        """When it is taken back; None: never."""
        return self.at_ns + self.duration_ns if self.duration_ns else None

    def concerns(self, node: str) -> bool:
        """Whether it happens to `node`."""
        return node == self.node or node.rsplit("-", 1)[0] == self.node

    def apply(self, spec: Spec, shape: Shape) -> tuple[Spec, Shape]:
        """What `spec` and `shape` become. Raises UsageError when the node cannot take it."""
        raise NotImplementedError


class Cut(Fault, frozen=True, kw_only=True):
    """The cable is pulled."""

    def apply(self, spec: Spec, shape: Shape) -> tuple[Spec, Shape]:
        return spec, structs.replace(shape, cut=True)


class Reshape(Fault, frozen=True, kw_only=True):
    """The link changes; None fields stay."""

    rate_bps: int | None = None
    delay_ns: int | None = None
    jitter_ns: int | None = None
    loss_ratio: float | None = None
    reorder_ratio: float | None = None
    duplicate_ratio: float | None = None

    def apply(self, spec: Spec, shape: Shape) -> tuple[Spec, Shape]:
        return spec, self.changed(shape)

    def changed(self, shape: Shape) -> Shape:
        """What `shape` becomes."""
        named = {name: getattr(self, name) for name in Shape.__struct_fields__ if name != "cut"}
        return structs.replace(shape, **{name: value for name, value in named.items() if value is not None})


class Storage(Fault, frozen=True, kw_only=True):
    """The target answers slower, wrongly, or not at all; None fields stay."""

    node: str = "target"
    latency_ns: int | None = None
    rate_bps: int | None = None
    error_ratio: float | None = None
    stalled: bool | None = None
    down: bool | None = None

    def apply(self, spec: Spec, shape: Shape) -> tuple[Spec, Shape]:
        if not isinstance(spec, TargetSpec):
            raise UsageError("only a target can take this fault")
        named = {
            name: getattr(self, name) for name in type(self).__struct_fields__ if name not in Fault.__struct_fields__
        }
        return structs.replace(spec, **{name: value for name, value in named.items() if value is not None}), shape


class SwitchPolicy(Fault, frozen=True, kw_only=True):
    """Another policy from now on."""

    policy: PolicySpec

    def apply(self, spec: Spec, shape: Shape) -> tuple[Spec, Shape]:
        return structs.replace(checked_initiator(spec), policy=self.policy), shape


class SetMinFree(Fault, frozen=True, kw_only=True):
    """vm.min_free_kbytes is written."""

    min_free_pages: int

    def apply(self, spec: Spec, shape: Shape) -> tuple[Spec, Shape]:
        initiator = checked_initiator(spec)
        machine = structs.replace(initiator.machine, min_free_pages=self.min_free_pages)
        return structs.replace(initiator, machine=machine), shape


KINDS: dict[str, type[Fault]] = {
    "cut": Cut,
    "shape": Reshape,
    "target": Storage,
    "policy": SwitchPolicy,
    "min_free": SetMinFree,
}


def checked_initiator(spec: Spec) -> InitiatorSpec:
    """`spec`, which must be an initiator's. Raises UsageError."""
    if not isinstance(spec, InitiatorSpec):
        raise UsageError("only an initiator can take this fault")
    return spec


def check_marks(min_free_pages: int, policy: PolicySpec, machine: MachineConfig) -> Watermarks:
    """The marks. Raises UsageError unless min (with the policy's own reserve) < low < high < memory holds in `machine`."""
    reserve_pages = POLICIES[policy.name].reserve_for(policy.allocator, cards=2 if machine.storage_nic else 1)
    return Watermarks.of(min_free_pages + reserve_pages, machine.memory_pages)
