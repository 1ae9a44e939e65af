"""Goal: every verdict, and every reason for none, is reached by a trace that deserves it, and by no other.

Method: synthetic traces x verdicts. The cases stand in one table, whose outcome is also kept as readable text
(tests/golden/verdicts.txt; NETRESERVE_UPDATE_GOLDEN=1 writes it anew), so that a change of judgement shows in review.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import CYCLE, NODE, WARMUP, at, event, phases, stretch, trace

from controller.evidence import HEAL_EXTENSION_NS, LONGEST_WAIT_NS, fault_event, legitimate_wait_ns
from controller.record import Phase
from controller.service.parts import Timing
from controller.trace import since_progress
from controller.verdict import Judgement, heal_needed_ns, judge, void
from nodes.messages import Event, Sample, void_detail
from nodes.units import SECOND_NS

GOLDEN = Path(__file__).parents[1] / "golden" / "verdicts.txt"
FINE = stretch(15, 1000, verified_pages=100)


@dataclass(frozen=True)
class Case:
    verdict: str
    samples: list[Sample]
    events: Sequence[Event] = ()
    phases: Sequence[Phase] = field(default_factory=phases)
    data: str = "intact"
    harness: bool = False
    target: Sequence[Sample] = ()

    def judged(self) -> Judgement:
        return judge(self.phases, {NODE: self.samples}, self.events, targets=[self.target])


def cut(begin: float, end: float, node: str = NODE, fault: str = "cut", concerns: tuple[str, ...] = ()) -> list[Event]:
    return [
        fault_event(at(begin), "r", node, fault, begins=True, concerns=concerns),
        fault_event(at(end), "r", node, fault, begins=False, concerns=concerns),
    ]


def stuck_from(seconds: float, heal: float, **fields: object) -> list[Sample]:
    """Stands still from `seconds` into the flood to the end of `heal` seconds."""
    return trace(WARMUP, stretch(seconds, 900), stretch(20 - seconds, 0), stretch(heal, 0, **fields))


def stalls(begin: int = 9, end: int = 65) -> list[Event]:
    """What a node tells of a standstill, every 2 s, with its cycle."""
    return [event(seconds, "stall", waits=CYCLE, cycle=CYCLE) for seconds in range(begin, end, 2)]


CASES: dict[str, Case] = {
    # ---- the machine lives
    "healthy: unimpressed": Case("healthy", trace(WARMUP, stretch(20, 950), FINE)),
    "healthy: just half": Case("healthy", trace(WARMUP, stretch(20, 500), FINE)),
    "healthy: a pause as long as a watchdog may take": Case(
        "healthy", trace(WARMUP, stretch(5, 1000), stretch(1.8, 0), stretch(13.2, 1000), FINE)
    ),
    "slow: under half": Case("slow", trace(WARMUP, stretch(20, 480), FINE)),
    "slow: stood for most of the flood, came back within it": Case(
        "slow", trace(WARMUP, stretch(2, 1000), stretch(12, 0), stretch(6, 1000), FINE)
    ),
    # ---- it stops and comes back
    "starved: comes back in heal": Case(
        "starved",
        trace(WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(4, 0), stretch(11, 1000)),
        [event(12, "waits", waits=CYCLE, cycle=CYCLE)],
    ),
    "starved: a trickle": Case("starved", trace(WARMUP, stretch(20, 5), FINE)),
    # ---- it does not come back
    "deadlocked: heal outlasts any retry": Case("deadlocked", stuck_from(3.2, 24), stalls(), phases(heal=24)),
    "deadlocked: block packets come and are refused": Case("deadlocked", stuck_from(3.2, 15, block_drops=1), stalls()),
    "deadlocked: stops only in heal": Case(
        "deadlocked", trace(WARMUP, stretch(20, 900), stretch(2, 900), stretch(13, 0, block_drops=1)), stalls(28)
    ),
    "inconclusive: no cycle recorded": Case(
        "inconclusive", stuck_from(3.2, 24), [event(30, "stall", waits=CYCLE[:1], cycle=[])], phases(heal=24)
    ),
    "inconclusive: a cycle in the flood alone": Case(
        "inconclusive", stuck_from(3.2, 24), stalls(9, 24), phases(heal=24)
    ),
    "inconclusive: no progress, but pages go out": Case(
        "inconclusive", stuck_from(3.2, 24, swap_out_pages=10), stalls(), phases(heal=24)
    ),
    "inconclusive: no progress, but writes are answered with errors": Case(
        "inconclusive",
        stuck_from(3.2, 24),
        [*stalls(), event(40, "io_error", page=7, write=True, errno=5)],
        phases(heal=24),
    ),
    "inconclusive: no progress, but memory moves": Case(
        "inconclusive",
        trace(WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(12, 0), stretch(12, 0, free_pages=351)),
        stalls(),
        phases(heal=24),
    ),
    "deadlocked: a real kernel's per-CPU lists move a little": Case(
        "deadlocked",
        trace(
            WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(12, 0), stretch(12, 0, free_pages=414, tier="kernel")
        ),
        stalls(),
        phases(heal=24),
    ),
    "inconclusive: no progress, but a real kernel's memory moves": Case(
        "inconclusive",
        trace(
            WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(12, 0), stretch(12, 0, free_pages=415, tier="kernel")
        ),
        stalls(),
        phases(heal=24),
    ),
    "deadlocked: what moved before the watchdog rang is no sign of life": Case(
        "deadlocked",
        trace(WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(1.5, 0, swap_out_pages=9), stretch(22.5, 0)),
        stalls(),
        phases(heal=24),
    ),
    "inconclusive: heal too short to tell": Case("inconclusive", stuck_from(3.2, 15)),
    "inconclusive: refused, but only before the watchdog could help": Case(
        "inconclusive",
        trace(WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(1, 0, block_drops=5), stretch(14, 0)),
    ),
    "inconclusive: refused, but the machine's own waits are not over": Case(
        "inconclusive", stuck_from(3.2, 6, block_drops=3), phases=phases(heal=6)
    ),
    # ---- faults
    "healthy: the cut is excused": Case(
        "healthy", trace(WARMUP, stretch(5, 950), stretch(12, 0), stretch(3, 950), FINE), cut(10, 20)
    ),
    "healthy: the target's cut is excused too": Case(
        "healthy",
        trace(WARMUP, stretch(5, 950), stretch(12, 0), stretch(3, 950), FINE),
        cut(10, 20, "target-1", concerns=(NODE,)),
    ),
    "healthy: a target that does not answer": Case(
        "healthy",
        trace(WARMUP, stretch(5, 950), stretch(8, 0), stretch(7, 950), FINE),
        cut(10, 17, "target-1", "stalled", (NODE,)),
    ),
    "slow: another node's cut excuses nothing": Case(
        "slow", trace(WARMUP, stretch(5, 950), stretch(12, 0), stretch(3, 950), FINE), cut(10, 20, "initiator-2")
    ),
    "slow: a fault that lets work go on excuses nothing": Case(
        "slow", trace(WARMUP, stretch(5, 950), stretch(12, 0), stretch(3, 950), FINE), cut(10, 20, fault="shape")
    ),
    "starved: stood long after the cut was over": Case(
        "starved",
        trace(WARMUP, stretch(3, 950), stretch(17, 0), stretch(3, 0), stretch(12, 950)),
        cut(8, 10),
    ),
    "deadlocked: never back after a cut": Case(
        "deadlocked", stuck_from(3, 30), [*cut(8, 18), *stalls()], phases(heal=30)
    ),
    "inconclusive: a cut that lasts into heal": Case("inconclusive", stuck_from(3, 15), cut(8, 35)),
    "inconclusive: the cut covers the flood": Case(
        "inconclusive", trace(WARMUP, stretch(20, 0), stretch(1, 0), stretch(14, 900)), cut(5, 25)
    ),
    # ---- it dies
    "oom: a task is killed": Case(
        "oom", stuck_from(3.2, 15), [event(9, "oom", free_pages=0, min_pages=256, kind="modelled")]
    ),
    "inconclusive: the container was killed": Case(
        "inconclusive", stuck_from(3.2, 15), [event(9, "oom", kills=1, kind="real")], harness=True
    ),
    "inconclusive: the target did not give a page back": Case(
        "inconclusive",
        stuck_from(3.2, 24, state="dead"),
        [event(8.2, "io_error", page=7, write=False, errno=5), *stalls()],
        phases(heal=24),
    ),
    "inconclusive: dead before anybody recorded why": Case(
        "inconclusive", stuck_from(3.2, 24, state="dead"), phases=phases(heal=24)
    ),
    "oom: dead of it": Case("oom", stuck_from(3.2, 15, state="dead"), [event(9, "oom", kind="guest", kills=1)]),
    "panicked: the guest's kernel gave up": Case(
        "panicked",
        stuck_from(3.2, 15, state="dead", tier="kernel"),
        [event(9, "panic", line="Kernel panic - not syncing: Fatal exception in interrupt")],
    ),
    "panicked: for want of memory": Case(
        "panicked",
        stuck_from(3.2, 15, state="dead", tier="kernel"),
        [
            event(9, "oom", kind="guest", kills=1),
            event(9, "panic", line="Kernel panic - not syncing: System is deadlocked"),
        ],
    ),
    # ---- it proves nothing
    "inconclusive: nothing swapped before the flood": Case(
        "inconclusive", trace(stretch(5, 1000), stretch(20, 950, swap_out_pages=900, verified_pages=9), FINE)
    ),
    "inconclusive: never down to the high mark": Case(
        "inconclusive",
        trace(stretch(5, 1000, swap_out_pages=1, verified_pages=1, free_pages=900), stretch(20, 950), FINE),
    ),
    "inconclusive: pressure only just before the flood": Case(
        "inconclusive",
        trace(stretch(4.5, 1000), stretch(0.5, 1000, swap_out_pages=900, verified_pages=9), stretch(20, 950), FINE),
    ),
    "inconclusive: swapping, but still populating when the flood begins": Case(
        "inconclusive",
        trace(stretch(4.5, 0, swap_out_pages=900, verified_pages=9), stretch(0.5, 1000), stretch(20, 950), FINE),
    ),
    "healthy: populates first, then is measured": Case(
        "healthy",
        trace(stretch(3.5, 0, swap_out_pages=900, verified_pages=9), stretch(1.5, 1000), stretch(20, 510), FINE),
    ),
    "slow: populates first, then is measured": Case(
        "slow",
        trace(stretch(3.5, 0, swap_out_pages=900, verified_pages=9), stretch(1.5, 1000), stretch(20, 490), FINE),
    ),
    "inconclusive: progress ended before the flood": Case(
        "inconclusive",
        trace(
            stretch(1, 0, swap_out_pages=900, verified_pages=9),
            stretch(0.1, 10),
            stretch(3.9, 0),
            stretch(20, 10),
            FINE,
        ),
    ),
    "inconclusive: no progress in warmup": Case(
        "inconclusive", trace(stretch(5, 0, swap_out_pages=100, verified_pages=9), stretch(20, 10), FINE)
    ),
    "inconclusive: node silent in the flood": Case(
        "inconclusive",
        trace(WARMUP, stretch(5, 950), stretch(3, 950, silent=True), stretch(12, 950), FINE),
        harness=True,
    ),
    "inconclusive: node silent at the end": Case(
        "inconclusive", trace(WARMUP, stretch(20, 950), stretch(12, 950), stretch(3, 950, silent=True)), harness=True
    ),
    "healthy: two seconds without a sample are borne": Case(
        "healthy", trace(WARMUP, stretch(5, 950), stretch(1.8, 950, silent=True), stretch(13.2, 950), FINE)
    ),
    "inconclusive: no samples at all": Case("inconclusive", [], data="unverified", harness=True),
    "inconclusive: interrupted in the flood": Case(
        "inconclusive", trace(WARMUP, stretch(4, 950)), phases=phases(flood=4, heal=0)
    ),
    "inconclusive: a setting not in force": Case(
        "inconclusive",
        trace(WARMUP, stretch(20, 950), FINE),
        [void(at(1), "r", "initiator-1: delay asked 200 us, in force 0 us", node=NODE)],
    ),
    "inconclusive: a fault of the node's own": Case(
        "inconclusive",
        stuck_from(3.2, 24),
        [event(9, "harness", **void_detail("a fault of netreserve's own: OSError: Bad file descriptor", harness=True))],
        phases(heal=24),
        harness=True,
    ),
    "inconclusive: the target died": Case(
        "inconclusive",
        stuck_from(3.2, 24),
        [event(9, "harness", node="target-1", **void_detail("nbdkit ended by itself (exit code -9)", harness=True))],
        phases(heal=24),
        harness=True,
    ),
    "healthy: a round trip that could not be measured is a note": Case(
        "healthy",
        trace(WARMUP, stretch(20, 950), FINE),
        [event(1, "harness", what="round trip not measured: no answer")],
    ),
    "inconclusive: controller restarted": Case(
        "inconclusive",
        trace(WARMUP, stretch(20, 950), FINE),
        [void(at(9), "r", "controller restarted", harness=True)],
        harness=True,
    ),
    "inconclusive: a void run is void though a task was killed": Case(
        "inconclusive",
        stuck_from(3.2, 15),
        [event(9, "oom", kind="modelled"), void(at(10), "r", "acknowledgement of policy late")],
    ),
    "inconclusive: harness lost packets of the flood": Case(
        "inconclusive",
        trace(WARMUP, stretch(20, 950, rx_packets=20_000, pump_drops=400), FINE),
        harness=True,
    ),
    "inconclusive: the target's relay lost packets": Case(
        "inconclusive",
        trace(WARMUP, stretch(20, 950, rx_packets=20_000), FINE),
        harness=True,
        target=trace(stretch(5, 0), stretch(20, 0, pump_drops=400), stretch(15, 0), node="target-1"),
    ),
    "healthy: harness lost a few packets": Case(
        "healthy", trace(WARMUP, stretch(20, 950, rx_packets=20_000, pump_drops=100), FINE)
    ),
    "deadlocked: what the harness lost in the flood does not explain heal": Case(
        "deadlocked",
        trace(
            WARMUP, stretch(3, 900), stretch(17, 0, rx_packets=20_000, pump_drops=900), stretch(15, 0, block_drops=1)
        ),
        stalls(),
    ),
    # ---- data
    "healthy: corrupt data": Case(
        "healthy", trace(WARMUP, stretch(20, 950, corrupt_pages=0.1), FINE), data="corrupt (2 pages)"
    ),
    "healthy: nothing came back to be verified": Case(
        "healthy",
        trace(stretch(5, 1000, swap_out_pages=900), stretch(20, 950), stretch(15, 950)),
        data="unverified",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_trace_gets_the_verdict_it_deserves(name: str) -> None:
    case = CASES[name]
    judgement = case.judged()
    assert (judgement.verdict, judgement.data) == (case.verdict, case.data), judgement.sentence
    assert judgement.harness_fault == case.harness
    assert judgement.nodes[0].verdict == case.verdict
    assert name.startswith(case.verdict)


def test_the_judgements_in_words_are_those_of_the_golden_table() -> None:
    blocks = []
    for name, case in CASES.items():
        judgement = case.judged()
        notes = "".join(f"\n    note: {note}" for note in judgement.notes)
        blocks.append(f"{name}\n    {judgement.sentence}\n    data {judgement.data}{notes}\n")
    text = "\n".join(blocks)
    if os.environ.get("NETRESERVE_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


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
