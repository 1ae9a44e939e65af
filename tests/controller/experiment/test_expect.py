"""Goal: expectations come true exactly when the record says so, and nothing that proves nothing passes."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.experiment.expect import (
    FIELDS,
    Always,
    Condition,
    DataIs,
    Expectation,
    MetricBound,
    Sometimes,
    VerdictIs,
    evaluate,
    exit_code,
    metrics,
    parse_condition,
)
from controller.experiment.record import Check, NodeVerdict, Result
from controller.experiment.verdict import Judgement
from controller.experiment.verdicts import VerdictName
from nodes.errors import UsageError
from nodes.messages import Sample
from nodes.units import SECOND_NS


def judged(*verdicts: VerdictName, data: str = "intact", **figures: float | int | None) -> Judgement:
    nodes = tuple(
        NodeVerdict(node=f"initiator-{index + 1}", verdict=verdict, reason="", **figures)  # type: ignore[arg-type]
        for index, verdict in enumerate(verdicts)
    )
    return Judgement(verdict=verdicts[0], sentence="", data=data, nodes=nodes)


def series(node: str, *reserve: int, **fields: int) -> dict[str, list[Sample]]:
    return {node: [Sample(t_ns=i, node=node, run="r", reserve_used_pages=n, **fields) for i, n in enumerate(reserve)]}


def check(expectation: Expectation, judgement: Judgement, samples: dict[str, list[Sample]] | None = None) -> Check:
    (only,) = evaluate([expectation], judgement, samples or {})
    return only


@pytest.mark.parametrize(
    ("expected", "found", "met"),
    [
        (("healthy",), ("healthy",), True),
        (("healthy",), ("slow",), False),
        (("healthy", "slow"), ("slow", "healthy"), True),
        (("healthy",), ("healthy", "deadlocked"), False),
        (("deadlocked", "starved"), ("inconclusive",), False),
    ],
)
def test_verdict(expected: tuple[VerdictName, ...], found: tuple[VerdictName, ...], met: bool) -> None:
    assert check(VerdictIs(verdict=expected), judged(*found)).met is met


def test_verdict_of_one_node() -> None:
    both = judged("healthy", "deadlocked")
    assert check(VerdictIs(verdict=("deadlocked",), node="initiator-2"), both).met
    assert not check(VerdictIs(verdict=("deadlocked",), node="initiator-1"), both).met
    assert not check(VerdictIs(verdict=("healthy",), node="initiator-7"), both).met
    assert check(VerdictIs(verdict=("healthy", "slow")), both) == Check(
        expectation="verdict: healthy or slow", met=False, found="initiator-1 healthy, initiator-2 deadlocked"
    )


def test_metric_bounds() -> None:
    recovered = judged("starved", recovery_ns=4 * SECOND_NS, warmup_pages_per_s=1000.0, flood_pages_per_s=250.0)
    assert check(MetricBound(metric="recovery_s", below=10), recovered).met
    assert not check(MetricBound(metric="recovery_s", below=4), recovered).met
    assert check(MetricBound(metric="flood_ratio", above=0.2, below=0.3), recovered).met
    assert not check(MetricBound(metric="flood_ratio", above=0.25), recovered).met
    assert check(MetricBound(metric="recovery_s", below=10), judged("healthy")).met


def test_a_node_that_never_recovered_meets_no_bound_on_recovery() -> None:
    stuck = judged("deadlocked", stalled_since_ns=5)
    assert check(MetricBound(metric="recovery_s", below=10), stuck) == Check(
        expectation="metric: recovery_s below 10", met=False, found="initiator-1 none"
    )
    assert "initiator-1.recovery_s" not in metrics(stuck)
    assert metrics(judged("healthy"))["initiator-1.recovery_s"] == 0


def test_a_bound_on_nobody_is_not_met() -> None:
    assert not check(MetricBound(metric="recovery_s", below=10, node="initiator-9"), judged("healthy")).met
    with pytest.raises(ValueError, match="needs a bound"):
        MetricBound(metric="recovery_s")


def test_sometimes_needs_one_sample() -> None:
    wanted = Sometimes(condition=Condition("reserve_used_pages", ">", 0))
    one = judged("healthy")
    assert not check(wanted, one, series("initiator-1", 0, 0)).met
    assert check(wanted, one, series("initiator-1", 0, 3, 0)).met
    assert not check(wanted, one, {}).met
    assert not check(wanted, one, series("target-1", 3)).met
    assert check(wanted, one, series("initiator-1", 0, 3)).found == "1 of 2 samples"


def test_always_needs_every_sample_and_at_least_one() -> None:
    wanted = Always(condition=Condition("reserve_used_pages", "<=", 3))
    one = judged("healthy")
    assert check(wanted, one, series("initiator-1", 0, 3)).met
    assert check(wanted, one, series("initiator-1", 0, 4)).found == "reserve_used_pages was 4 on initiator-1"
    assert not check(wanted, one, series("initiator-1", 0, 4)).met
    assert not check(wanted, one, {}).met


def test_targets_are_asked_by_name() -> None:
    samples = series("initiator-1", 0) | series("target-1", 0, requests_served=7)
    wanted = Sometimes(condition=Condition("requests_served", ">", 5), node="target")
    assert check(wanted, judged("healthy"), samples).met


@pytest.mark.parametrize("data", ["corrupt (2 pages)", "unverified"])
def test_data_that_is_not_known_to_be_intact(data: str) -> None:
    assert not check(DataIs(), judged("healthy", data=data)).met
    assert check(DataIs(), judged("healthy")).met


def test_corrupt_data_never_passes_unasked() -> None:
    checks = evaluate([VerdictIs(verdict=("healthy",))], judged("healthy", data="corrupt (1 pages)"), {})
    assert [(item.expectation, item.met) for item in checks] == [("verdict: healthy", True), ("data: intact", False)]


MET, UNMET = Check(expectation="", met=True, found=""), Check(expectation="", met=False, found="")


@pytest.mark.parametrize(
    ("verdict", "checks", "harness", "code"),
    [
        ("healthy", (MET, MET), False, 0),
        ("deadlocked", (MET,), False, 0),
        ("healthy", (MET, UNMET), False, 1),
        ("inconclusive", (MET,), False, 5),
        ("inconclusive", (MET,), True, 6),
        ("inconclusive", (), True, 6),
        ("slow", (), False, 0),
        ("starved", (), False, 1),
        ("oom", (), False, 1),
    ],
)
def test_exit_codes(verdict: VerdictName, checks: tuple[Check, ...], harness: bool, code: int) -> None:
    assert exit_code(Result(run="r", scenario="s", verdict=verdict, checks=checks, harness_fault=harness)) == code


OPERATORS = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@given(st.sampled_from(FIELDS), st.sampled_from(sorted(OPERATORS)), st.integers(-5, 5), st.integers(-5, 5))
def test_a_condition_reads_back_and_means_what_it_says(field: str, sign: str, value: int, seen: int) -> None:
    condition = Condition(field, sign, value)
    assert parse_condition(str(condition)) == condition
    sample = (
        Sample(t_ns=0, node="n", run="r")
        if field == "t_ns"
        else Sample(**{"t_ns": 0, "node": "n", "run": "r", field: seen})
    )
    assert condition.holds(sample) is OPERATORS[sign](getattr(sample, field), value)


@pytest.mark.parametrize(
    "text", ["", "free_pages", "free_pages => 1", "free_pages > 1.5", "state > 1", "nothing > 1", 5, None]
)
def test_what_is_no_condition(text: object) -> None:
    with pytest.raises(UsageError):
        parse_condition(text)
