"""A scenario in netreserve's own units. The records mirror the file: `scenario.nodes.initiator.memory_pages`."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, structs

from controller.experiment.expect import Expectation
from controller.experiment.rescue import WAIT_NS, LiveRemedy
from controller.experiment.scenario.faults import Fault
from controller.experiment.scenario.policies import read_policy
from controller.experiment.verdicts import VerdictName
from nodes.config import OPEN_LINK, GuestSpec, MachineConfig, PolicySpec, Queueing, Shape, TargetSpec
from nodes.floods import Flood
from nodes.units import SECOND_NS

Tier = Literal["sim", "container", "kernel"]
SEED_END = 1 << 32
"""Seeds are below it: one word of the generators that they start (numpy's and PCG's take so many; own)."""
SEEDS_MAX = 1000
"""Repetitions of one thing with one seed after the other: more decide nothing that these did not (own)."""


def seed_after(seed: int, repeat: int) -> int:
    """The seed of repetition `repeat` of what begins with `seed`; after the last comes 0."""
    return (seed + repeat) % SEED_END


class Initiators(MachineConfig, frozen=True, kw_only=True):
    """`count` equal initiators."""

    count: int = 1
    guest: GuestSpec | None = None
    """What only a real kernel can be told; None: its defaults."""

    def machine(self) -> MachineConfig:
        """One of them."""
        return MachineConfig(**{name: getattr(self, name) for name in MachineConfig.__struct_fields__})


class Targets(TargetSpec, frozen=True, kw_only=True):
    """`count` equal storage targets."""

    count: int = 1

    def target(self) -> TargetSpec:
        """One of them."""
        return TargetSpec(**{name: getattr(self, name) for name in TargetSpec.__struct_fields__})


class Nodes(Struct, frozen=True, kw_only=True):
    """Who takes part: all initiators are alike, and so are all targets."""

    initiator: Initiators = Initiators()
    target: Targets = Targets()


class Links(Struct, frozen=True, kw_only=True):
    """How each network that is shaped treats packets; `data` carries storage and junk."""

    data: Shape = OPEN_LINK
    storage: Shape | None = None
    """The network of an initiator's second card (`storage_nic`); None: there is none, or it does nothing to its packets."""
    queueing: Queueing = Queueing()
    """Of every simulated link."""


class Phases(Struct, frozen=True, kw_only=True):
    """How long pressure builds, junk floods, and recovery is waited for (the runner may extend heal)."""

    warmup_ns: int = 10 * SECOND_NS
    flood_ns: int = 20 * SECOND_NS
    heal_ns: int = 15 * SECOND_NS
    rescue_ns: int = WAIT_NS
    """How long each remedy is waited for; a rescue comes after heal, and only if somebody still stands still."""

    @property
    def total_ns(self) -> int:
        """Without a rescue."""
        return self.warmup_ns + self.flood_ns + self.heal_ns


class Arm(Struct, frozen=True, kw_only=True):
    """A policy whose outcome is known: `verdict` are those it must give. Checks the scenario, not the patient."""

    policy: str
    """As `read_policy` takes it, e.g. `memalloc+srog`."""
    verdict: tuple[VerdictName, ...]


class Scenario(Struct, frozen=True, kw_only=True):
    """One experiment, complete: everything a run needs and nothing about how it is carried out."""

    name: str
    about: str = ""
    nodes: Nodes = Nodes()
    links: Links = Links()
    policy: PolicySpec
    floods: tuple[Flood, ...] = ()
    faults: tuple[Fault, ...] = ()
    phases: Phases = Phases()
    rescue: tuple[LiveRemedy, ...] = ()
    """Remedies for an initiator that still stands still when the heal phase is over, in the order of their trial."""
    expect: tuple[Expectation, ...]
    arms: dict[str, Arm] = {}
    """Usually `bad` and `good`."""
    seed: int = 0
    tier: Tier = "sim"

    def with_policy(self, text: str) -> Scenario:
        """The same under the policy that `text` names; it keeps the allocator where that policy can use it."""
        return structs.replace(self, policy=read_policy(text, self.policy))
