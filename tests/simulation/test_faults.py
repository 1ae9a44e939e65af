"""Faults at their times, several machines, other networks, every kind of junk: what happens, and what it comes to."""

from __future__ import annotations

import pytest
from smallworlds import SMALL, recorded, small

from controller.experiment.scenario import Scenario, parse
from controller.simulated.simulate import Outcome, judged, simulate
from nodes.messages import Sample
from nodes.units import MS_NS, SECOND_NS

FLOOD_NS = 3 * SECOND_NS
"""When the flood phase begins."""
QUIET = {"floods.0.rate": "10 pps", "policy": "memalloc"}


def told(outcome: Outcome, kind: str) -> list[tuple[int, str, str]]:
    """Events of `kind`: ms into the flood phase, node, what stands beside them on a timeline."""
    return [((e.t_ns - FLOOD_NS) // MS_NS, e.node, e.detail.brief) for e in outcome.events if e.kind == kind]


def of(outcome: Outcome, node: str = "initiator-1") -> dict[int, Sample]:
    """Samples of `node` by ms into the flood phase."""
    return {(s.t_ns - FLOOD_NS) // MS_NS: s for s in outcome.samples if s.node == node}


def moved(outcome: Outcome, from_ms: int, to_ms: int) -> int:
    """Pages of progress in between."""
    samples = of(outcome)
    return samples[to_ms].progress_pages - samples[from_ms].progress_pages


# ---- links


def test_a_cut_cable_stops_everything_until_tcp_tries_again() -> None:
    """Cut from 0.5 to 1.3 s: retransmissions at 0.2, 0.6 and 1.4 s after the loss; the third passes."""
    outcome = simulate(small(QUIET, "[{kind: cut, node: initiator, at: 500 ms, duration: 800 ms}]"))
    assert [(ms, brief) for ms, _, brief in told(outcome, "fault")] == [(500, "cut begins"), (1300, "cut ends")]
    assert moved(outcome, 600, 1800) == 0
    assert moved(outcome, 2000, 3000) > 500
    assert judged(outcome).data == "intact"


def test_the_cable_of_one_machine_is_its_own() -> None:
    outcome = simulate(small(QUIET, "[{kind: cut, node: initiator-2, at: 500 ms, duration: 1 s}]", initiators=2))
    one, two = of(outcome), of(outcome, "initiator-2")
    assert one[1400].progress_pages - one[600].progress_pages > 500
    assert two[1400].progress_pages == two[600].progress_pages


def test_a_slower_link_makes_a_slower_machine_as_long_as_it_lasts() -> None:
    outcome = simulate(small(QUIET, "[{kind: shape, node: target, rate: 8 Mbit, at: 500 ms, duration: 1 s}]"))
    assert moved(outcome, 700, 1500) < 0.5 * moved(outcome, -1000, -200)
    assert moved(outcome, 2000, 3000) > 700


# ---- targets


def test_a_stalled_target_answers_when_it_goes_on_and_nothing_is_lost() -> None:
    outcome = simulate(small(QUIET, "[{kind: target, stalled: true, at: 500 ms, duration: 800 ms}]"))
    assert {of(outcome, "target-1")[ms].state for ms in (600, 1200)} == {"stalled"}
    assert moved(outcome, 700, 1300) == 0
    assert moved(outcome, 1300, 2300) > 900, "no retransmission has to come first: the connection stands"
    assert judged(outcome).data == "intact"


def test_a_target_that_was_killed_is_connected_to_again_and_has_its_data() -> None:
    outcome = simulate(small(QUIET, "[{kind: target, down: true, at: 500 ms, duration: 800 ms}]"))
    assert {of(outcome, "target-1")[ms].state for ms in (600, 1200)} == {"down"}
    assert [(ms, brief) for ms, _, brief in told(outcome, "reconnect")] == [(2300, "connected")]
    assert moved(outcome, 700, 2300) == 0
    assert moved(outcome, 2300, 3000) > 500
    assert judged(outcome).data == "intact"


def test_errors_of_a_target_are_told_and_corrupt_nothing() -> None:
    scenario = small(QUIET, "[{kind: target, error: 20 %, at: 500 ms, duration: 300 ms}]")
    outcome = simulate(scenario)
    assert told(outcome, "io_error")
    assert not told(outcome, "corrupt")


def test_pages_that_come_for_an_application_that_was_killed_are_not_counted() -> None:
    many = {**QUIET, "nodes.initiator.tasks": 16, "nodes.initiator.touch_rate": "20 kpages/s"}
    outcome = simulate(small(many, "[{kind: target, error: 20 %, at: 500 ms, duration: 300 ms}]"))
    last = of(outcome)[3000]
    assert last.state == "dead"
    assert last.verified_pages == last.swap_in_pages > 0


# ---- settings


def test_a_policy_that_comes_in_time_saves_what_would_hang() -> None:
    saved = simulate(small(faults="[{kind: policy, policy: memalloc+slab, at: 0 s}]"))
    assert judged(simulate(small())).verdict == "deadlocked"
    assert judged(saved).verdict == "healthy"
    assert [(ms, brief) for ms, _, brief in told(saved, "policy")] == [(0, "memalloc")]


def test_a_policy_that_comes_too_late_does_not() -> None:
    """The ring is empty, and every page that the raised min asks for is gone: physics.md section 12, row memalloc."""
    late = simulate(small(faults="[{kind: policy, policy: memalloc, at: 1 s}]"))
    assert {sample.policy for ms, sample in of(late).items() if ms >= 1000} == {"memalloc"}
    assert judged(late).verdict in ("deadlocked", "starved")


def test_min_free_changes_at_its_time_and_back() -> None:
    outcome = simulate(small(QUIET, "[{kind: min_free, min_free: 1 MiB, at: 500 ms, duration: 1 s}]"))
    added = of(outcome)[400].min_pages - 128
    assert [of(outcome)[ms].min_pages - added for ms in (400, 600, 1400, 1600)] == [128, 256, 256, 128]


# ---- several


def test_a_second_flood_hangs_at_its_time_what_the_first_did_not() -> None:
    one = "{kind: udp, rate: 2 kpps, size: 1400 B, sockets: 1, reader: stalled, rcvbuf: 1 MiB}"
    two = one.replace("2 kpps", "40 kpps, start: 800 ms").replace("sockets: 1", "sockets: 2")
    assert judged(simulate(with_floods(f"[{one}]"))).verdict == "healthy"
    both = simulate(with_floods(f"[{one}, {two}]"))
    assert judged(both).verdict == "deadlocked"
    assert moved(both, 0, 800) > 600
    assert [ms for ms, *_ in told(both, "flood_start")] == [0, 800]


def with_floods(floods: str) -> Scenario:
    """SMALL with a YAML list of other floods."""
    before, after = SMALL.split("floods:\n")
    return parse(f"{before}floods: {floods}\n{after.partition(chr(10))[2]}")


def test_machines_that_share_a_target_hang_each_for_itself() -> None:
    outcome = simulate(small({"nodes.initiator.count": 3, "nodes.target.size": "64 MiB", "floods.0.rate": "120 kpps"}))
    assert {node.verdict for node in judged(outcome).nodes} == {"deadlocked"}
    assert sorted(outcome.proofs) == ["initiator-1", "initiator-2", "initiator-3"]


# ---- other networks and disks


def test_a_local_disk_needs_no_packet() -> None:
    outcome = simulate(small({"policy": "local"}))
    assert judged(outcome).verdict == "healthy"
    assert of(outcome, "target-1")[3000].requests_served == 0


TWO_CARDS = {"nodes.initiator.storage_nic": "e1000e", **QUIET}


def test_a_storage_network_of_its_own_gets_on_while_the_junk_cable_is_pulled() -> None:
    outcome = simulate(small(TWO_CARDS, "[{kind: cut, node: initiator, at: 500 ms, duration: 800 ms}]"))
    assert moved(outcome, 600, 1200) > 500
    assert judged(outcome).verdict == "healthy"


def test_a_storage_cable_that_is_pulled_at_the_target_stops_the_block_traffic() -> None:
    outcome = simulate(small(TWO_CARDS, "[{kind: cut, node: target, at: 500 ms, duration: 800 ms}]"))
    assert moved(outcome, 600, 1300) == 0
    assert moved(outcome, 2000, 3000) > 500


@pytest.mark.parametrize(("data", "storage", "most"), [("5 Mbit", "1 Gbit", 10_000), ("1 Gbit", "20 Mbit", 3000)])
def test_block_traffic_goes_over_the_storage_network_at_both_ends(data: str, storage: str, most: int) -> None:
    """20 Mbit carry 600 pages a second at most, in each direction; 5 Mbit could not carry a quarter of what is asked."""
    rates = {"links.data.rate": data, "links.storage": {"rate": storage, "delay": "200 us"}}
    written = of(simulate(small({**TWO_CARDS, **rates})))[2000].swap_out_pages
    assert 1200 < written < most


# ---- two faults


@pytest.mark.parametrize("apart_ms", [0, 100])
def test_faults_that_come_together_are_told_as_those_that_come_apart(apart_ms: int) -> None:
    """A cable that is pulled excuses the standstill, whatever else begins in the same instant."""
    faults = f"""[{{kind: shape, node: initiator, delay: 300 us, at: 500 ms}},
                  {{kind: cut, node: initiator, at: {500 + apart_ms} ms, duration: 3 s}}]"""
    outcome = simulate(small(QUIET, faults, heal="10 s"))
    assert [brief for _, _, brief in told(outcome, "fault")] == ["shape begins", "cut begins", "cut ends"]
    assert judged(outcome).verdict == "healthy"


def test_a_target_that_is_told_to_go_on_hinders_nobody_any_more() -> None:
    """Its window ends with the second fault, so that what hangs after it is seen to hang."""
    faults = "[{kind: target, stalled: true, at: 500 ms}, {kind: target, stalled: false, at: 1 s}]"
    outcome = simulate(small(faults=faults))
    assert [(ms, brief) for ms, _, brief in told(outcome, "fault")] == [(500, "stalled begins"), (1000, "stalled ends")]
    assert judged(outcome).verdict == "deadlocked"


@pytest.mark.parametrize("gap_ms", [-100, 0, 100])
def test_a_standstill_through_one_fault_into_the_next_is_excused(gap_ms: int) -> None:
    faults = f"""[{{kind: cut, node: initiator, at: 200 ms, duration: 3 s}},
                  {{kind: target, stalled: true, at: {3200 + gap_ms} ms, duration: 12 s}}]"""
    outcome = simulate(small(QUIET, faults, heal="30 s"))
    assert judged(outcome).verdict == "healthy"
    assert judged(outcome).nodes[0].stalled_since_ns is None


@pytest.mark.parametrize(
    ("kind", "reader", "verdict"),
    [
        ("udp", "stalled", "deadlocked"),
        ("udp", "fast", "healthy"),
        ("udp", "app", "healthy"),
        ("tcp", "stalled", "deadlocked"),
        ("tcp", "fast", "healthy"),
        ("http", "app", "healthy"),
        ("http", "stalled", "healthy"),
    ],
)
def test_every_kind_of_junk_with_every_reader(kind: str, reader: str, verdict: str) -> None:
    scenario = small({"floods.0.kind": kind, "floods.0.reader": reader, "floods.0.rate": "20 kpps"})
    assert judged(simulate(scenario, brief=True)).verdict == verdict


# ---- the record


def test_a_run_with_everything_is_the_same_twice() -> None:
    faults = """[{kind: cut, node: initiator-1, at: 300 ms, duration: 200 ms},
                 {kind: target, stalled: true, at: 700 ms, duration: 200 ms},
                 {kind: policy, policy: memalloc, at: 1 s},
                 {kind: min_free, min_free: 1 MiB, at: 1200 ms, duration: 300 ms}]"""
    chance = {"links.data.loss": "1 %", "links.data.jitter": "100 us", "nodes.target.latency_spread": "exponential"}
    scenario = small({**chance, "floods.0.rate": "5 kpps"}, faults, initiators=2)
    assert recorded(simulate(scenario)) == recorded(simulate(scenario))
