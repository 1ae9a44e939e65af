"""Questions that people ask about reserves, each in a small machine: what kind of answer they get.

With small machines the numbers say nothing; who decides, and in which direction, does. Each size is tried three times.
"""

from __future__ import annotations

import pytest
from smallworlds import small

from controller.experiment.scenario import Scenario
from controller.simulated.simulate import judged, simulate
from controller.studies.size.advised import Advice
from controller.studies.size.sequential import SequentialTest
from controller.studies.size.study import Sized, at_level, study
from controller.studies.trials import Goal, try_out

pytestmark = pytest.mark.timeout(600)  # dozens of runs each, in plain Python where nothing is compiled
TEST = SequentialTest(survive=0.5, confidence=0.8)
QUIET = {"floods": [], "phases.warmup": "4 s", "phases.flood": "2 s", "policy": "mainline"}


def sized(scenario: Scenario, goal: Goal = "survival") -> Sized:
    return study(scenario, scenario.policy, TEST, lambda asked: [try_out(each) for each in asked], goal=goal)


def linux_decides(advice: Advice) -> bool:
    """The simulation is content with less than Linux itself asks for."""
    return advice.decided_by in ("kernel default", "transparent huge pages", "documentation")


@pytest.mark.parametrize(("delay", "warmup"), [("1 ms", "4 s"), ("20 ms", "60 s"), ("50 ms", "120 s")])
def test_nbd_users_is_swap_over_nbd_safe_without_junk(delay: str, warmup: str) -> None:
    """At any distance: without junk the kernel's own choice is enough. It is slow: two bios make two writes a round trip."""
    advice = sized(small({**QUIET, "links.data.delay": delay, "phases.warmup": warmup})).advice
    assert linux_decides(advice) and advice.command == "sysctl -w vm.min_free_kbytes=1024"


def test_of_a_machine_that_has_hardly_begun_nothing_is_said() -> None:
    """At 20 ms four seconds of warmup are too few to tell: that is not a machine which no reserve saves."""
    item = sized(small({**QUIET, "links.data.delay": "20 ms"}))
    assert (item.advice.min_free_kib, item.advice.known, item.warning) == (None, False, "")
    assert item.advice.why.startswith("nothing is known: seed 7 is inconclusive")


def test_ltsp_users_who_suffers_when_all_swap_on_one_slow_disk() -> None:
    """All alike: none hangs, all get their part of the disk, and no larger reserve would make that faster."""
    scenario = small(
        {**QUIET, "nodes.initiator.count": 3, "nodes.target.size": "64 MiB", "nodes.target.rate": "20 Mbit"}
        | {"phases.warmup": "12 s"}
    )
    advice = sized(scenario).advice
    assert linux_decides(advice) and advice.min_free_kib == 1024
    nodes = judged(simulate(at_level(scenario, 256, 7), brief=True)).nodes
    assert len(nodes) == 3 and {node.verdict for node in nodes} == {"healthy"}


def test_users_of_small_boards_how_large_until_no_atomic_allocation_fails() -> None:
    """A USB card under junk: the kernel's choice lets the machine live, and allocations fail all the same."""
    board = small(
        {"policy": "mainline", "nodes.initiator.nic": "usbnet", "floods.0.sockets": 3, "floods.0.rcvbuf": "256 KiB"}
    )
    lives, faultless = sized(board).advice, sized(board, "no-failures").advice
    assert lives.min_free_kib and faultless.min_free_kib and lives.min_free_kib < faultless.min_free_kib
    assert faultless.decided_by == "simulation" and faultless.failures.startswith("in none of")
    assert lives.failures.endswith("--goal no-failures asks for none")


def test_the_kernel_list_the_same_without_swap_on_the_network() -> None:
    """January 2026: bursts on a server whose pages go nowhere over the network; nobody hangs, packets are lost."""
    server = small({"policy": "local", "nodes.initiator.nic": "igb", "floods.0.rcvbuf": "512 KiB"})
    assert linux_decides(sized(server).advice)
    advice = sized(server, "no-failures").advice
    assert advice.decided_by == "simulation" and advice.min_free_kib and advice.min_free_kib > 1024


def test_storage_clusters_is_the_target_on_the_same_host_safe() -> None:
    """Not with its memory unlocked, whatever the reserve; locked, from some reserve on; IO_FLUSHER changes nothing."""
    there = {**QUIET, "nodes.initiator.relay": "target"}
    assert sized(small(there)).advice.min_free_kib is None
    locked = sized(small({**there, "nodes.initiator.relay_locked": True})).advice
    flusher = sized(
        small({**there, "nodes.initiator.relay_locked": True, "nodes.initiator.relay_flusher": True})
    ).advice
    assert locked.min_free_kib is not None and locked.min_free_kib == flusher.min_free_kib
