"""Goal: whatever a rescue does, the verdict is that on what came before it, and what it did is told beside it."""

from __future__ import annotations

import pytest
from msgspec import structs
from traces import CYCLE, NODE, WARMUP, at, event, phases, stretch, trace

from controller.experiment.conclude import INTERRUPTED, conclude
from controller.experiment.expect import Sometimes, VerdictIs, parse_condition
from controller.experiment.record import Phase, Record, Result, RunRow
from controller.experiment.rescue import RESCUE
from controller.experiment.rescued import judge
from controller.experiment.verdict import judge as judge_plainly
from controller.experiment.verdict import void
from controller.experiment.verdicts import VERDICTS, Look
from controller.report.words import NOT_REVIVED, REVIVED, look_of
from nodes.messages import Event, Sample
from nodes.units import SECOND_NS

STUCK = stretch(35, 0, block_drops=10)
BACK = stretch(20, 1000, verified_pages=100, swap_out_pages=1000)
PHASES = (*phases(5, 20, 20), Phase(name=RESCUE, start_ns=at(45), end_ns=at(70)))
TOLD = [event(6, "stall", cycle=CYCLE), event(40, "stall", cycle=CYCLE)]
ROW = RunRow(run="r", scenario="s", kind="scenario", folder="", tier="container", policy="none", started_ns=at(0))


def hung_and(*after: object) -> list[Sample]:
    return trace(WARMUP, stretch(5, 1000), STUCK, *after)  # type: ignore[arg-type]


def rescue(seconds: float, remedy: str, revived: bool, after_s: float, error: str = "") -> Event:
    detail = {"remedy": remedy, "revived": revived, "after_ns": round(after_s * SECOND_NS), "error": error}
    return event(seconds, RESCUE, **detail)


def test_a_deadlock_that_is_revived_stays_one() -> None:
    events = [*TOLD, rescue(47, "min_free 2 MiB", False, 2), rescue(51, "policy memalloc", True, 4.2)]
    events.append(event(51, "recovered", stalled_ns=41 * SECOND_NS))
    judged = judge(PHASES, {NODE: hung_and(stretch(6, 0), BACK)}, events)
    assert judged.verdict == "deadlocked"
    assert judged.sentence.endswith("It was revived by policy memalloc after 4.2 s.")
    (node,) = judged.nodes
    assert [(tried.remedy, tried.revived) for tried in node.rescues] == [
        ("min_free 2 MiB", False),
        ("policy memalloc", True),
    ]
    assert node.stalled_since_ns == at(10) and node.recovery_ns is None


@pytest.mark.parametrize(
    ("after", "later"),
    [
        (BACK, []),
        (stretch(20, 0), [event(50, "oom", kind="modelled")]),
        (stretch(20, 0, state="dead"), []),
        (stretch(20, 0, silent=True), []),
        (BACK, [void(at(60), "r", "initiator-1 went offline in the rescue phase", harness=True)]),
    ],
    ids=["revived", "killed", "dead", "silent", "gone"],
)
def test_nothing_in_a_rescue_changes_the_verdict(after: object, later: list[Event]) -> None:
    plain = judge_plainly(PHASES[:3], {NODE: hung_and()}, TOLD)
    judged = judge(PHASES, {NODE: hung_and(after)}, [*TOLD, *later, rescue(60, "policy memalloc", False, 15)])
    assert (judged.verdict, judged.harness_fault) == (plain.verdict, plain.harness_fault) == ("deadlocked", False)
    assert judged.sentence == f"{plain.sentence} It was not revived by policy memalloc."


def test_what_went_wrong_in_a_rescue_is_noted() -> None:
    corrupt = stretch(20, 1000, corrupt_pages=1)
    events = [*TOLD, rescue(46, "policy nta", False, 0, "not in any kernel"), void(at(50), "r", "Locust did not stop")]
    judged = judge(PHASES, {NODE: hung_and(corrupt)}, events)
    assert judged.data == "intact"
    assert [note for note in judged.notes if "harness itself" not in note] == [
        "initiator-1: policy nta was not a remedy: not in any kernel",
        "initiator-1: 20 pages came back wrong after the rescue",
        "in the rescue: Locust did not stop",
    ]


def test_several_machines_are_told_apart() -> None:
    other = "initiator-2"
    series = {NODE: hung_and(BACK), other: trace(WARMUP, stretch(5, 1000), stretch(55, 0, block_drops=10), node=other)}
    events = [
        *TOLD,
        *(event(item.t_ns // SECOND_NS - at(0) // SECOND_NS, "stall", other, cycle=CYCLE) for item in TOLD),
    ]
    events += [
        rescue(46, "policy memalloc", True, 1),
        event(60, RESCUE, other, remedy="policy memalloc", revived=False, after_ns=15 * SECOND_NS, error=""),
    ]
    judged = judge(PHASES, series, events)
    assert judged.sentence.endswith(
        "Initiator-1 was revived by policy memalloc after 1 s; initiator-2 was not revived by policy memalloc."
    )


def test_a_run_without_a_rescue_is_judged_as_ever() -> None:
    series = {NODE: hung_and()}
    assert judge(PHASES[:3], series, TOLD) == judge_plainly(PHASES[:3], series, TOLD)


def test_expectations_see_nothing_of_a_rescue() -> None:
    samples = hung_and(stretch(20, 1000, early_drops=7))
    expected = (VerdictIs(verdict=("deadlocked",)), Sometimes(condition=parse_condition("early_drops > 0")))
    events = [*TOLD, rescue(46, "policy memalloc", True, 1)]
    known = structs.replace(ROW.unjudged(), phases=PHASES)
    result = conclude(Record(result=known, samples=samples, events=events), [NODE], expected).result
    assert [check.met for check in result.checks] == [True, False]
    assert result.checks[1].found == "0 of 450 samples"
    assert [phase.name for phase in result.phases] == ["warmup", "flood", "heal", "rescue"]


def by_hand(*events: Event) -> Result:
    row = RunRow(run="r", scenario=RESCUE, kind="adhoc", folder="", tier="container", policy="none", started_ns=at(0))
    phase = Phase(name=RESCUE, start_ns=at(0), end_ns=at(60))
    found = void(at(0), "r", "a rescue judges nobody", next_step="see `netreserve runs`")
    known = structs.replace(row.unjudged(), phases=(phase,))
    return conclude(Record(result=known, samples=hung_and(BACK), events=[found, *events]), [NODE]).result


@pytest.mark.parametrize(
    ("revived", "code", "sentence", "look"),
    [
        (True, 0, "Revived: initiator-1 was revived by policy memalloc after 4.2 s.", REVIVED),
        (False, 1, "Not revived: initiator-1 was not revived by policy memalloc.", NOT_REVIVED),
    ],
)
def test_a_rescue_by_hand_tells_one_story(revived: bool, code: int, sentence: str, look: Look) -> None:
    result = by_hand(rescue(5, "policy memalloc", revived, 4.2))
    assert (result.exit_code, result.sentence, look_of(result)) == (code, sentence, look)
    assert bool(result.next_step) != revived


@pytest.mark.parametrize(
    ("void_of", "code"),
    [
        (void(at(6), "r", INTERRUPTED, next_step="let it go on: `netreserve rescue`"), 130),
        (void(at(6), "r", "Locust did not stop", harness=True), 6),
    ],
)
def test_a_rescue_by_hand_that_was_ended_says_why(void_of: Event, code: int) -> None:
    result = by_hand(rescue(5, "policy memalloc", True, 4.2), void_of)
    assert (result.exit_code, result.sentence) == (code, f"Inconclusive: {void_of.detail.void}.")
    assert look_of(result) is VERDICTS["inconclusive"] and "`netreserve " in result.next_step
