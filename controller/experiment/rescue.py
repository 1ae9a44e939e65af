"""Remedies for a machine that stands still, what became of them, and what of a run's record is judged without them. Pure.

A remedy is put in force on a live machine, whatever it hangs on, and waited for; the next one comes on top of it. What a
rescue does says nothing about what the machine survives by itself: the verdict is about the record up to its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from controller.experiment import folders
from controller.experiment.record import NodeVerdict, Phase, Result
from controller.experiment.trace import STALL_NS
from nodes.config import InitiatorSpec, PolicySpec
from nodes.eventkinds import Rescue
from nodes.machine.allocators import can_change
from nodes.machine.policies import POLICIES, spec_of
from nodes.messages import Event, Sample
from nodes.units import PAGE_BYTES, SECOND_NS, format_bytes, format_ns

RESCUE = folders.RESCUE
"""Name of the phase, and in place of a scenario's of a run that a person asked for."""
WAIT_NS = 60 * SECOND_NS
"""How long each remedy is waited for, unless one says. A peer whose retransmission timeout has grown to 120 s (TCP_RTO_MAX)
may take longer to notice (own)."""
SHOWN_NS = STALL_NS + SECOND_NS
"""A machine is back when it does not stand still again so long after its first page: what stopped after that page does by
then, with a second for samples that come late (own)."""
IN_FORCE = "it was in force already"
"""Why a remedy that would change nothing is not tried."""
REVIVED, NOT_REVIVED = "Revived", "Not revived"
"""What a rescue by hand comes to: everybody on whom something was tried came back, or not."""
_RESTING = ("idle", "dead")
"""States in which nothing is there that could be revived."""

Series = Mapping[str, Sequence[Sample]]
"""The samples of every initiator."""


class SwitchTo(Struct, frozen=True, kw_only=True, tag="policy"):
    """Another policy. Where a running machine cannot change to its packet allocator: with the one that is in force, if the
    policy can be combined with that."""

    policy: PolicySpec

    def __str__(self) -> str:
        return f"policy {self.policy.name}{'+head_reserve' if self.policy.head_reserve else ''}"

    def applied(self, spec: InitiatorSpec) -> InitiatorSpec:
        """What an initiator is to be now."""
        return structs.replace(spec, policy=self.instead_of(spec.policy))

    def instead_of(self, before: PolicySpec) -> PolicySpec:
        """The policy that comes after `before`."""
        policy = POLICIES[self.policy.name]
        keeps = not can_change(before.allocator, self.policy.allocator) and before.allocator in policy.allocators
        return structs.replace(self.policy, allocator=before.allocator) if keeps else self.policy


class SetMin(Struct, frozen=True, kw_only=True, tag="min_free"):
    """vm.min_free_kbytes is written; 0 pages: twice what it is."""

    min_free_pages: int = 0

    def __str__(self) -> str:
        return f"min_free {format_bytes(self.min_free_pages * PAGE_BYTES) if self.min_free_pages else 'doubled'}"

    def applied(self, spec: InitiatorSpec) -> InitiatorSpec:
        """What an initiator is to be now."""
        pages = self.min_free_pages or 2 * spec.machine.min_free_pages
        return structs.replace(spec, machine=structs.replace(spec.machine, min_free_pages=pages))


class EndFlood(Struct, frozen=True, kw_only=True, tag="flood"):
    """Whatever Locust sends is stopped. None for a scenario: its floods have ended when its heal phase begins."""

    def __str__(self) -> str:
        return "flood stopped"


Remedy = SwitchTo | SetMin | EndFlood
LiveRemedy = SwitchTo | SetMin
"""Remedies that change what a machine is."""
REMEDIES: tuple[Remedy, ...] = (EndFlood(), SwitchTo(policy=spec_of("memalloc")), SetMin())
"""What is tried, in this order, unless somebody asks for less: from the cheapest to what costs memory for good (own)."""


def stands_still(sample: Sample | None) -> bool:
    """Whether an initiator makes no progress, and could: `idle` and `dead` ones cannot."""
    return sample is not None and sample.progress_age_ns >= STALL_NS and sample.state not in _RESTING


def rescues_of(events: Sequence[Event], node: str) -> tuple[Rescue, ...]:
    """What was tried at `node`, in order."""
    own = sorted((event for event in events if event.node == node), key=lambda event: event.t_ns)
    return tuple(event.detail for event in own if isinstance(event.detail, Rescue))


def outcome(rescues: Sequence[Rescue]) -> str:
    """`revived by policy memalloc after 4.2 s`, or what did not revive it; empty when nothing was tried."""
    revived = next((rescue for rescue in rescues if rescue.revived), None)
    if revived is not None:
        return f"revived by {revived.remedy} after {format_ns(revived.after_ns)}"
    tried = [rescue.remedy for rescue in rescues if not rescue.error]
    return f"not revived by {', '.join(tried)}" if tried else "not rescued: nothing could be tried" if rescues else ""


def all_revived(nodes: Sequence[NodeVerdict]) -> bool:
    """Whether everybody on whom something was tried came back; false when nothing was."""
    tried = [node.rescues for node in nodes if node.rescues]
    return bool(tried) and all(any(rescue.revived for rescue in rescues) for rescues in tried)


def fates(nodes: Sequence[NodeVerdict]) -> str:
    """`initiator-1 was revived by policy memalloc after 4.2 s; initiator-2 was not rescued: nothing could be tried`."""
    told = "; ".join(f"{node.node} was {outcome(node.rescues)}" for node in nodes if node.rescues)
    return told or "nothing was tried to its end"


def by_hand(result: Result) -> bool:
    """Whether the run is a rescue that a person asked for, not a phase of a scenario."""
    return result.kind == "adhoc" and result.scenario == RESCUE


def rescue_began_ns(phases: Sequence[Phase]) -> int | None:
    """When the rescue began; None: there was none."""
    return next((phase.start_ns for phase in phases if phase.name == RESCUE), None)


def before_rescue(
    phases: Sequence[Phase], samples: Series, events: Sequence[Event]
) -> tuple[Sequence[Phase], Series, Sequence[Event]]:
    """The record up to the beginning of its rescue phase; all of it when there was none."""
    began_ns = rescue_began_ns(phases)
    if began_ns is None:
        return phases, samples, events
    return (
        [phase for phase in phases if phase.name != RESCUE],
        {name: [sample for sample in series if sample.t_ns <= began_ns] for name, series in samples.items()},
        [event for event in events if event.t_ns <= began_ns],
    )
