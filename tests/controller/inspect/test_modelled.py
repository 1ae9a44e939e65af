"""A scenario modelled on a machine validates, says what was taken from it, and what the simulator says of it is told."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from machines import NAMES, Edited, collected, machine

from controller.experiment.scenario import Scenario, parse
from controller.experiment.scenario.limits import beyond
from controller.inspect.facts import Machine
from controller.inspect.foretold import foretell
from controller.inspect.look import look
from controller.inspect.memory import HUGE_PAGES
from controller.inspect.modelled import nic_of, policy_of, scenario_of, scenario_text
from controller.inspect.tree import Tree
from controller.studies.trials import GAUGES, Trial
from nodes.errors import LackingError
from nodes.units import PAGE_BYTES

READABLE = [name for name in NAMES if name != "container-without-rights"]


@pytest.mark.parametrize("name", READABLE)
def test_it_is_a_scenario(name: str) -> None:
    scenario = parse(scenario_text(machine(name)), name)
    assert scenario == scenario_of(machine(name))
    assert scenario.floods[0].reader == "stalled"


@pytest.mark.parametrize(
    ("name", "nic", "policy"),
    [
        ("diskless-nbd-client", "e1000e", "mainline"),
        ("drbd-pair", "igb", "none"),
        ("ancient-kernel", "e1000", "none"),
        ("iscsi-root", "igb", "mainline"),
        ("nvme-tcp-database", "e1000", "mainline"),
    ],
)
def test_card_and_rights_are_those_of_the_machine(name: str, nic: str, policy: str) -> None:
    assert (nic_of(machine(name)), policy_of(machine(name))) == (nic, policy)


def test_reserve_link_and_buffers_are_those_of_the_machine() -> None:
    scenario = scenario_of(machine("diskless-nbd-client"))
    assert scenario.nodes.initiator.min_free_pages * PAGE_BYTES == 5792 << 10
    assert scenario.links.data.rate_bps == 1_000_000_000
    assert scenario.floods[0].rcvbuf_bytes == 212_992


def test_a_machine_with_a_card_of_qemu_s_can_be_tried_with_a_real_kernel() -> None:
    scenario = msgspec.structs.replace(scenario_of(machine("diskless-nbd-client")), tier="kernel")
    assert not list(beyond(scenario))


def test_without_memory_there_is_no_scenario() -> None:
    with pytest.raises(LackingError, match="/proc/zoneinfo"):
        scenario_text(Machine())


class Simulator:
    """Survives from `least_pages` on, or under `saving` alone."""

    def __init__(self, least_pages: int, saving: str = "") -> None:
        self.least_pages, self.saving = least_pages, saving

    def __call__(self, scenarios: Sequence[Scenario]) -> list[Trial]:
        return [self._one(scenario) for scenario in scenarios]

    def _one(self, scenario: Scenario) -> Trial:
        lives = scenario.nodes.initiator.min_free_pages >= self.least_pages or scenario.policy.name == self.saving
        cycle = () if lives else (("kswapd", "writes answered"), ("storage reply", "free pages"))
        return Trial(
            seed=scenario.seed,
            verdict="healthy" if lives else "deadlocked",
            cycle=cycle,
            peaks=dict.fromkeys(GAUGES, 0),
        )


def test_a_machine_that_survives_needs_no_less_than_the_kernel_s_default() -> None:
    """Two pages would do in the simulator: no advice for a machine."""
    told = foretell(machine("diskless-nbd-client"), Simulator(2))
    assert [each.junk for each in told] == ["datagrams", "streams"]
    assert all(each.survives and each.bound == "kernel default" and not each.saves for each in told)
    assert {each.min_free_kib for each in told} == {5792}


def test_where_huge_pages_are_on_no_less_than_they_want_is_advised() -> None:
    """What stands on such a machine is the raised value: the kernel's choice at boot would lower it."""
    on = Edited(collected("diskless-nbd-client"), {HUGE_PAGES: "always [madvise] never"})
    told = foretell(look(Tree(on)), Simulator(2))
    assert all((each.min_free_kib, each.bound) == (45056, "transparent huge pages") for each in told)
    off = Edited(collected("diskless-nbd-client"), {HUGE_PAGES: "always madvise [never]"})
    assert look(Tree(off)).memory.huge_pages is False


def test_a_machine_that_does_not_is_told_what_saves_it() -> None:
    told = foretell(machine("diskless-nbd-client"), Simulator(3000, "memalloc"))[0]
    assert (told.survives, told.verdict, told.bound) == (False, "deadlocked", "simulation")
    assert told.cycle.startswith("kswapd (waits for writes answered)")
    assert told.min_free_kib is not None and told.min_free_kib >= 12000
    assert told.saves[0] == f"sysctl -w vm.min_free_kbytes={told.min_free_kib}"
    assert told.saves[1].startswith("policy memalloc")


def test_where_no_reserve_helps_it_says_so() -> None:
    told = foretell(machine("diskless-nbd-client"), Simulator(1 << 40))[0]
    assert (told.min_free_kib, told.bound, told.saves) == (None, "none helps", ())
