"""A rescue in virtual time, on the machine of `classic` with a quarter of its memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from msgspec import structs
from tinyscenario import tiny

from controller.experiment.rescue import IN_FORCE, LiveRemedy, SetMin, SwitchTo, rescues_of
from controller.experiment.scenario import Scenario
from controller.simulated.rescue import rescue
from controller.simulated.simulate import Outcome, judged, simulate
from nodes.config import InitiatorSpec, MachineConfig, PolicySpec
from nodes.eventkinds import Rescue
from nodes.sim.cluster import Cluster
from nodes.units import SECOND_NS

MEMALLOC = SwitchTo(policy=PolicySpec(name="memalloc"))
HIGHER = SetMin(min_free_pages=512)
"""No remedy: a refill may take a page only above 3/8 of min, so that it waits for even more."""


def rescued(policy: str, *remedies: LiveRemedy, wait_s: int = 20) -> Scenario:
    plain = tiny(policy)
    return structs.replace(plain, rescue=remedies, phases=structs.replace(plain.phases, rescue_ns=wait_s * SECOND_NS))


def tried(outcome: Outcome) -> tuple[Rescue, ...]:
    return rescues_of(outcome.events, "initiator-1")


@pytest.fixture(scope="module")
def hung() -> Outcome:
    return simulate(rescued("none", SwitchTo(policy=PolicySpec(name="none")), HIGHER, MEMALLOC, HIGHER))


def test_the_first_remedy_that_helps_is_the_last_that_is_tried(hung: Outcome) -> None:
    none, higher, memalloc = tried(hung)
    assert (none.revived, none.error) == (False, IN_FORCE)
    assert (higher.revived, higher.after_ns, higher.error) == (False, 20 * SECOND_NS, "")
    assert memalloc.revived and 0 < memalloc.after_ns < 20 * SECOND_NS
    assert hung.samples[-1].t_ns == hung.result.phases[-1].end_ns
    assert [phase.name for phase in hung.result.phases] == ["warmup", "flood", "heal", "rescue"]


def test_the_verdict_is_that_on_the_run_before_it(hung: Outcome) -> None:
    plain = judged(simulate(tiny("none")))
    judgement = judged(hung)
    assert judgement.verdict == plain.verdict == "deadlocked"
    assert judgement.sentence.startswith(plain.sentence)
    assert judgement.sentence.partition("It was revived by policy memalloc after ")[2].endswith("s.")
    assert judgement.nodes[0].cycle == plain.nodes[0].cycle


def test_a_run_in_which_nobody_stands_still_has_no_rescue() -> None:
    outcome = simulate(rescued("memalloc", HIGHER))
    assert [phase.name for phase in outcome.result.phases] == ["warmup", "flood", "heal"]
    assert tried(outcome) == ()


def test_a_brief_run_ends_with_its_verdict() -> None:
    outcome = simulate(rescued("none", MEMALLOC), brief=True)
    assert [phase.name for phase in outcome.result.phases] == ["warmup", "flood", "heal"]


def test_what_a_machine_refuses_is_told() -> None:
    outcome = simulate(rescued("none", SetMin(min_free_pages=4096), wait_s=1))
    (refused,) = tried(outcome)
    assert not refused.revived and "4096" in refused.error


class OneInitiator:
    """A cluster of one machine that makes progress at the given moments only, after standing still for 10 s."""

    def __init__(self, *progress_s: float) -> None:
        self.loop = SimpleNamespace(now_ns=10 * SECOND_NS)
        self.work = SimpleNamespace(dead=False, last_progress_ns=0)
        spec = InitiatorSpec(machine=MachineConfig(), policy=PolicySpec(name="none"))
        self.initiators = {"initiator-1": SimpleNamespace(spec=spec, machine=SimpleNamespace(workload=self.work))}
        self.told: list[Rescue] = []
        self._progress_ns = [int(moment * SECOND_NS) for moment in progress_s]

    def advance(self, to_ns: int) -> None:
        self.loop.now_ns = to_ns
        self.work.last_progress_ns = max((moment for moment in self._progress_ns if moment <= to_ns), default=0)

    def change_now(self, *_: object) -> None: ...

    def emit(self, _node: str, detail: Rescue) -> None:
        self.told.append(detail)

    def rescued(self) -> Rescue:
        rescue(cast(Cluster, self), [MEMALLOC], 20 * SECOND_NS, self.advance)
        (told,) = self.told
        return told


def test_one_page_is_no_revival() -> None:
    told = OneInitiator(12.3).rescued()
    assert (told.revived, told.after_ns) == (False, 20 * SECOND_NS)


def test_a_machine_that_goes_on_is_back_from_its_first_page_on() -> None:
    told = OneInitiator(12.3, *(12.4 + 0.1 * step for step in range(60))).rescued()
    assert told.revived and told.after_ns == 2_300_000_000


def test_a_machine_that_stops_again_may_come_back_later() -> None:
    told = OneInitiator(12.3, *(20.1 + 0.1 * step for step in range(60))).rescued()
    assert told.revived and told.after_ns == 10_100_000_000
