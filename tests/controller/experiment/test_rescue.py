"""Remedies: what they make of a machine, what is said of them, and what of a record they leave to the verdict."""

from __future__ import annotations

import pytest
from msgspec import structs
from traces import NODE, WARMUP, at, event, phases, stretch, trace

from controller.experiment.record import NodeVerdict, Phase
from controller.experiment.rescue import (
    RESCUE,
    EndFlood,
    SetMin,
    SwitchTo,
    all_revived,
    before_rescue,
    outcome,
    rescues_of,
    stands_still,
)
from controller.experiment.trace import has_moved
from nodes.config import InitiatorSpec, MachineConfig, PolicySpec
from nodes.eventkinds import Rescue
from nodes.messages import Sample
from nodes.units import SECOND_NS

SPEC = InitiatorSpec(machine=MachineConfig(min_free_pages=256), policy=PolicySpec(name="none"))
FAILED = Rescue(remedy="min_free 2 MiB", revived=False, after_ns=20 * SECOND_NS)
REVIVED = Rescue(remedy="policy memalloc", revived=True, after_ns=4200_000_000)
REFUSED = Rescue(remedy="policy nta", revived=False, after_ns=1, error="not in any kernel")


def test_a_remedy_comes_with_its_allocator_where_a_running_machine_can_have_that() -> None:
    memalloc, v1 = PolicySpec(name="memalloc", allocator="srog"), PolicySpec(name="nta", allocator="nta-v1")
    assert SwitchTo(policy=memalloc).applied(SPEC).policy == memalloc, "emergency memory behind the running slab"
    assert SwitchTo(policy=v1).applied(SPEC).policy == v1, "which the machine will refuse"
    before = InitiatorSpec(machine=SPEC.machine, policy=PolicySpec(name="nta", allocator="nta-v2"))
    assert SwitchTo(policy=v1).applied(before).policy.allocator == "nta-v2"
    assert SwitchTo(policy=PolicySpec(name="memalloc")).applied(SPEC).machine == SPEC.machine


@pytest.mark.parametrize(("remedy", "pages"), [(SetMin(min_free_pages=4096), 4096), (SetMin(), 512)])
def test_min_free_is_written_or_doubled(remedy: SetMin, pages: int) -> None:
    assert remedy.applied(SPEC).machine.min_free_pages == pages
    assert remedy.applied(SPEC).policy == SPEC.policy


def test_remedies_are_named_for_a_person() -> None:
    remedies = (SwitchTo(policy=PolicySpec(name="none")), SetMin(min_free_pages=4096), SetMin(), EndFlood())
    assert [str(remedy) for remedy in remedies] == [
        "policy none",
        "min_free 16 MiB",
        "min_free doubled",
        "flood stopped",
    ]
    headed = SwitchTo(policy=PolicySpec(name="memalloc", head_reserve=True))
    assert str(headed) == "policy memalloc+head_reserve"


def test_only_a_live_machine_without_progress_stands_still() -> None:
    def sample(age_s: float, state: str = "stuck") -> Sample:
        return Sample(t_ns=1, node=NODE, run="r", state=state, progress_age_ns=round(age_s * SECOND_NS))

    assert stands_still(sample(2.0))
    assert not any(map(stands_still, (sample(1.9), sample(9, "idle"), sample(9, "dead"), None)))


def test_progress_shows_in_pages_or_in_its_age() -> None:
    still = Sample(t_ns=1, node=NODE, run="r", progress_pages=7, progress_age_ns=3 * SECOND_NS)
    assert not has_moved(still, structs.replace(still, t_ns=2, progress_age_ns=4 * SECOND_NS))
    assert has_moved(still, structs.replace(still, progress_pages=8, progress_age_ns=4 * SECOND_NS))
    assert has_moved(still, structs.replace(still, progress_age_ns=SECOND_NS))


def test_what_was_tried_is_told_in_order() -> None:
    events = [
        event(50, RESCUE, remedy="policy memalloc", revived=True, after_ns=REVIVED.after_ns, error=""),
        event(45, RESCUE, remedy="min_free 2 MiB", revived=False, after_ns=FAILED.after_ns, error=""),
        event(45, RESCUE, "initiator-2", remedy="policy none", revived=False, after_ns=1, error=""),
        event(44, "stall", stalled_ns=1),
    ]
    assert rescues_of(events, NODE) == (FAILED, REVIVED)


def test_the_outcome_in_words() -> None:
    assert outcome([FAILED, REVIVED]) == "revived by policy memalloc after 4.2 s"
    assert outcome([FAILED, REFUSED]) == "not revived by min_free 2 MiB"
    assert outcome([REFUSED]) == "not rescued: nothing could be tried"
    assert outcome([]) == ""


def test_all_are_revived_only_when_each_that_was_tried_is() -> None:
    def node(*rescues: Rescue) -> NodeVerdict:
        return NodeVerdict(node=NODE, verdict="deadlocked", reason="", rescues=rescues)

    assert all_revived([node(FAILED, REVIVED), node()])
    assert not all_revived([node(REVIVED), node(FAILED)])
    assert not all_revived([node()])


def test_the_record_before_a_rescue_has_nothing_of_it() -> None:
    samples = {NODE: trace(WARMUP, stretch(20, 1000), stretch(35, 0))}
    events = [event(30, "stall"), event(41, "rescue", remedy="policy memalloc", revived=False, after_ns=1)]
    rescued = (*phases(), Phase(name=RESCUE, start_ns=at(40), end_ns=at(60)))
    kept_phases, kept, kept_events = before_rescue(rescued, samples, events)
    assert [phase.name for phase in kept_phases] == ["warmup", "flood", "heal"]
    assert kept[NODE][-1].t_ns == at(40) and len(kept[NODE]) == 400
    assert kept_events == events[:1]
    assert before_rescue(phases(), samples, events) == (phases(), samples, events)
