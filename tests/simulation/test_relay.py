"""Whole runs of a machine whose pages pass through a process of its own."""

from __future__ import annotations

import pytest
from clirunner import ROOT

from controller.experiment.scenario import load
from controller.experiment.scenario.vary import vary
from controller.simulated.simulate import judged, simulate

SAME_HOST = load(ROOT / "scenarios" / "same-host.yaml")
LOCKED = {"nodes.initiator.relay_locked": True}
FLUSHER = {**LOCKED, "nodes.initiator.relay_flusher": True}


def end(policy: str, changes: dict[str, object]) -> tuple[str, tuple[str, ...]]:
    """The verdict under `policy`, and who waits in the cycle."""
    judgement = judged(simulate(vary(SAME_HOST, {"policy": policy, "arms": {}, **changes}), brief=True))
    return judgement.verdict, tuple(wait.waiter for wait in judgement.nodes[0].cycle)


def test_one_that_has_not_locked_its_memory_hangs_by_itself() -> None:
    assert end("mainline", {}) == ("deadlocked", ("storage process",))


def test_one_that_has_lives_without_junk_while_the_reserve_lets_it_begin() -> None:
    assert end("mainline", LOCKED) == ("healthy", ())
    verdict, cycle = end("mainline", {**LOCKED, "nodes.initiator.min_free": "1 MiB"})
    assert (verdict, cycle) == ("deadlocked", ("kswapd", "storage process"))


def test_io_flusher_gives_it_no_page() -> None:
    """Where it hangs for want of one, it hangs with the flag as well (physics.md section 3)."""
    assert end("mainline", {**FLUSHER, "nodes.initiator.min_free": "1 MiB"})[0] == "deadlocked"
    assert end("mainline", FLUSHER)[0] == "healthy"


def test_junk_that_takes_memory_below_min_stops_it_where_the_kernel_would_go_on() -> None:
    flood = [{"kind": "udp", "rate": "20 kpps", "size": "1400 B", "sockets": 4, "reader": "stalled", "rcvbuf": "1 MiB"}]
    assert end("mainline", {**LOCKED, "floods": flood})[0] == "deadlocked"
    assert end("mainline", {"nodes.initiator.relay": "none", "floods": flood})[0] == "healthy"


@pytest.mark.parametrize("changes", [{}, LOCKED])
def test_an_initiator_in_user_space_is_one_too(changes: dict[str, object]) -> None:
    verdict, _ = end("none", {"nodes.initiator.relay": "initiator", **changes})
    assert (verdict == "healthy") is bool(changes)
