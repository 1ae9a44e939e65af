"""The verdict on a run: of several machines, of what is void, of a heal phase that must be long enough."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import CYCLE, NODE, WARMUP, at, event, phases, stretch, trace
from verdictcases import CASES, FINE, cut, hung_after, stalls, stuck_from

from controller.experiment.evidence import HEAL_EXTENSION_NS, LONGEST_WAIT_NS, legitimate_wait_ns
from controller.experiment.trace import since_progress
from controller.experiment.verdict import heal_needed_ns, judge, void
from controller.service.connections import Timing
from nodes.messages import Sample
from nodes.units import SECOND_NS


@pytest.mark.parametrize("harness", [True, False])
@pytest.mark.parametrize("exit_code", [0, 2, 3])
def test_a_void_names_the_next_step_even_where_its_cause_does_not(harness: bool, exit_code: int) -> None:
    told = void(at(9), "r", "something failed", harness=harness, exit_code=exit_code)
    judgement = judge(phases(), {NODE: trace(WARMUP, stretch(20, 950), FINE)}, [told])
    assert judgement.verdict == "inconclusive" and "`netreserve " in judgement.next_step


def test_a_void_may_name_its_own_next_step() -> None:
    told = void(at(9), "r", "interrupted", next_step="let it go on")
    judgement = judge(phases(), {NODE: trace(WARMUP, stretch(20, 950), FINE)}, [told])
    assert judgement.next_step == "let it go on"


@pytest.mark.parametrize("name", ["inconclusive: heal too short to tell"])
def test_a_headline_that_proves_nothing_tells_of_the_cycle_that_its_page_draws(name: str) -> None:
    case = CASES[name]
    judgement = judge(case.phases, {NODE: case.samples}, stalls(9, 40))
    assert judgement.verdict == "inconclusive" and len(judgement.nodes[0].cycle) == 3
    assert "shows a closed wait-for cycle: kswapd waits for writes answered" in judgement.sentence


def test_how_much_junk_there_was_is_told_of_a_hang_under_less() -> None:
    judgement = CASES["deadlocked: under less junk than was asked"].judged()
    assert judgement.notes == ("40% of the udp flood reached initiator-1",)
    assert not judgement.next_step


def test_a_machine_that_hung_before_the_flood_is_told_so() -> None:
    judgement = CASES["deadlocked: hung before the flood"].judged()
    assert judgement.sentence.startswith("Deadlock on initiator-1 3 s before the flood: kswapd waits")


def test_a_proved_hang_before_the_flood_needs_no_wait() -> None:
    times = phases(heal=3)
    assert judge(times, {NODE: hung_after(2, 3)}, [], proved={NODE}).verdict == "deadlocked"


def test_a_kernels_heal_lasts_until_it_was_asked_once_more() -> None:
    samples = {NODE: stuck_from(17, 2, tier="kernel", block_drops=1)}
    asked = [event(24, "autopsy", waits=CYCLE, cycle=CYCLE)]
    assert heal_needed_ns(phases(heal=2), samples, [], 0) < heal_needed_ns(phases(heal=2), samples, asked, 0)


def test_a_starved_machine_carries_the_cycle_that_it_stood_in_when_the_flood_ended() -> None:
    samples = trace(WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(4, 0), stretch(11, 1000))
    opened = event(27, "stall", waits=CYCLE[:1], cycle=[])
    assert judge(phases(), {NODE: samples}, [*stalls(9, 25), opened]).nodes[0].cycle
    assert not judge(phases(), {NODE: samples}, [*stalls(9, 20), event(23, "stall", waits=[], cycle=[])]).nodes[0].cycle


def test_a_deadlock_carries_its_cycle_and_since_when() -> None:
    node = CASES["deadlocked: heal outlasts any retry"].judged().nodes[0]
    assert [edge.waiter for edge in node.cycle] == ["kswapd", "storage reply", "ring refill"]
    assert node.stalled_since_ns == at(8.2)
    assert node.recovery_ns is None


def test_recovery_is_counted_from_the_end_of_the_flood() -> None:
    node = CASES["starved: comes back in heal"].judged().nodes[0]
    assert node.recovery_ns == pytest.approx(4.1 * SECOND_NS)
    assert node.stalled_since_ns is None
    assert node.cycle


def test_recovery_from_a_cut_is_counted_from_its_end() -> None:
    node = CASES["healthy: the cut is excused"].judged().nodes[0]
    assert node.recovery_ns == pytest.approx(2.1 * SECOND_NS)


def test_rates_are_measured_under_pressure_and_without_excused_time() -> None:
    calm_start = stretch(2.5, 4000), stretch(2.5, 1000, swap_out_pages=1000, verified_pages=5)
    samples = trace(*calm_start, stretch(5, 900), stretch(12, 0), stretch(3, 900), FINE)
    node = judge(phases(), {NODE: samples}, cut(10, 20)).nodes[0]
    assert node.warmup_pages_per_s == pytest.approx(1000, rel=0.01)
    assert node.flood_pages_per_s == pytest.approx(900, rel=0.02)
    assert node.heal_pages_per_s == pytest.approx(1000, rel=0.01)


def test_the_worst_node_speaks_for_all() -> None:
    bad = CASES["deadlocked: block packets come and are refused"]
    good = trace(WARMUP, stretch(20, 950), FINE, node="initiator-2")
    both = {"initiator-2": good, NODE: bad.samples}
    judgement = judge(phases(), both, bad.events)
    assert judgement.verdict == "deadlocked"
    assert [node.verdict for node in judgement.nodes] == ["deadlocked", "healthy"]
    assert judgement.sentence.startswith("Deadlock on initiator-1 3.2 s into the flood: ")


def test_a_hang_that_was_seen_is_one_whatever_is_unknown_of_the_others() -> None:
    bad = CASES["deadlocked: block packets come and are refused"]
    silent = trace(WARMUP, stretch(20, 950), node="initiator-2")
    judgement = judge(phases(), {NODE: bad.samples, "initiator-2": silent}, bad.events)
    assert [node.verdict for node in judgement.nodes] == ["deadlocked", "inconclusive"]
    assert (judgement.verdict, judgement.harness_fault) == ("deadlocked", False)


def test_that_all_survived_cannot_be_said_while_one_is_unknown() -> None:
    good = trace(WARMUP, stretch(20, 950), FINE)
    silent = trace(WARMUP, stretch(20, 950), node="initiator-2")
    judgement = judge(phases(), {NODE: good, "initiator-2": silent}, [])
    assert [node.verdict for node in judgement.nodes] == ["healthy", "inconclusive"]
    assert (judgement.verdict, judgement.harness_fault) == ("inconclusive", True)


def test_another_initiators_setting_not_in_force_is_its_own_affair() -> None:
    samples = {name: trace(WARMUP, stretch(20, 950), FINE, node=name) for name in (NODE, "initiator-2")}
    judgement = judge(phases(), samples, [void(at(1), "r", "late", node="initiator-2")])
    assert [node.verdict for node in judgement.nodes] == ["healthy", "inconclusive"]
    assert judgement.sentence == "Inconclusive: initiator-2: late."


def test_no_initiator_proves_nothing() -> None:
    judgement = judge(phases(), {}, [])
    assert (judgement.verdict, judgement.harness_fault, judgement.data) == ("inconclusive", True, "unverified")


def test_a_proved_standstill_needs_no_waiting() -> None:
    samples = stuck_from(3.2, 3)
    assert judge(phases(heal=3), {NODE: samples}, []).verdict == "inconclusive"
    assert judge(phases(heal=3), {NODE: samples}, [], proved={NODE}).verdict == "deadlocked"


def test_order_of_samples_and_events_does_not_matter() -> None:
    case = CASES["healthy: the cut is excused"]
    turned = judge(case.phases, {NODE: case.samples[::-1]}, list(case.events)[::-1])
    assert turned == case.judged()


def test_nobody_waits_for_a_node_that_moves() -> None:
    samples = trace(WARMUP, stretch(20, 950), stretch(1, 950))
    assert heal_needed_ns(phases(heal=1), {NODE: samples}, [], 0) == 0


def test_heal_lasts_until_the_verdict_is_decided() -> None:
    needed_ns = heal_needed_ns(phases(heal=2), {NODE: stuck_from(3.2, 2)}, [], 0)
    assert needed_ns == pytest.approx((16.8 + 7) * SECOND_NS, rel=0.02)
    seconds = needed_ns / SECOND_NS + 0.1
    samples = {NODE: stuck_from(3.2, seconds)}
    assert judge(phases(heal=seconds), samples, stalls()).verdict == "deadlocked"
    assert heal_needed_ns(phases(heal=seconds), samples, [], 0) <= seconds * SECOND_NS


@given(flood=st.floats(2.5, 400), stood=st.floats(2, 400), planned=st.floats(1, 30))
def test_no_heal_phase_ends_before_the_longest_legitimate_wait_is_over(
    flood: float, stood: float, planned: float
) -> None:
    """Whoever stands when the planned phase ends is given all the time that a verdict needs, in every tier."""
    flood, planned, stood = round(flood), round(planned), min(round(stood), round(flood))
    times = phases(flood=flood, heal=planned)
    stands = [WARMUP, stretch(flood - stood, 900), stretch(stood, 0)]
    open_ns = heal_needed_ns(times, {NODE: trace(*stands, stretch(planned, 0))}, [], planned * SECOND_NS)
    lasts = max(open_ns / SECOND_NS, planned) + 0.1
    samples = {NODE: trace(*stands, stretch(lasts, 0))}
    told = [event(5 + flood + lasts - 0.5, "stall", waits=CYCLE, cycle=CYCLE)]
    assert judge(phases(flood=flood, heal=lasts), samples, told).verdict == "deadlocked"


def test_the_controller_extends_heal_as_far_as_the_simulator_does() -> None:
    assert Timing().heal_extension_ns == HEAL_EXTENSION_NS > LONGEST_WAIT_NS


def test_refused_block_packets_shorten_heal() -> None:
    needed_ns = heal_needed_ns(phases(heal=5), {NODE: stuck_from(3.2, 5, block_drops=1)}, [], 0)
    assert needed_ns == pytest.approx(7 * SECOND_NS)


@given(heal=st.floats(1, 60), stuck_after=st.floats(0.5, 19), refused=st.booleans())
def test_a_standstill_is_a_deadlock_exactly_when_heal_was_long_enough(
    heal: float, stuck_after: float, refused: bool
) -> None:
    heal, stuck_after = round(heal, 1), round(stuck_after, 1)
    samples = {NODE: stuck_from(stuck_after, heal, block_drops=10 if refused else 0)}
    times = phases(heal=heal)
    enough = heal_needed_ns(times, samples, [], 0) <= heal * SECOND_NS
    judgement = judge(times, samples, stalls(25, 90))
    assert judgement.verdict == ("deadlocked" if enough else "inconclusive")


@given(st.integers(0, 10**12))
def test_the_longest_wait_covers_a_retry_a_bio_round_and_a_watchdog(stalled_ns: int) -> None:
    wait_ns = legitimate_wait_ns(stalled_ns)
    assert 7.2 * SECOND_NS <= wait_ns <= 127 * SECOND_NS
    assert wait_ns >= min(stalled_ns, 120 * SECOND_NS) + 7 * SECOND_NS


@pytest.mark.parametrize("name", CASES)
def test_what_healing_needs_is_known_by_the_samples_since_the_last_progress(name: str) -> None:
    case = CASES[name]
    for end in range(0, len(case.samples), 7):
        samples = case.samples[:end]
        whole = heal_needed_ns(case.phases, {NODE: samples}, case.events, 0)
        assert heal_needed_ns(case.phases, since_progress(samples, [NODE]), case.events, 0) == whole


def test_a_look_at_a_long_run_looks_at_its_end_alone() -> None:
    looked = 0

    class Record(list[Sample]):
        def __reversed__(self) -> Iterator[Sample]:
            nonlocal looked
            for sample in super().__reversed__():
                looked += 1
                yield sample

    stuck = trace(WARMUP, stretch(900, 100), stretch(5, 0))
    lives = trace(WARMUP, stretch(905, 100), node="initiator-2")
    record = Record(sorted(stuck + lives, key=lambda sample: sample.t_ns))
    ends = since_progress(record, [NODE, "initiator-2"])
    assert [len(samples) for samples in ends.values()] == [51, 1]
    assert looked < 110
    assert since_progress(record, ["nobody"]) == {"nobody": []}
