"""Moments in words, and the state of a machine whose cycle nobody saw."""

from __future__ import annotations

from traces import NODE, WARMUP, at, phases, stretch, trace

from controller.experiment.evidence import Evidence
from controller.experiment.record import NodeVerdict
from controller.experiment.telling import headline, in_flood, in_run
from nodes.messages import Sample


def case(samples: list[Sample]) -> Evidence:
    return Evidence(NODE, phases(), samples, [])


def test_moments_are_told_by_the_flood_and_by_the_run() -> None:
    found = case(trace(WARMUP))
    assert [in_flood(found, at(second)) for second in (2, 8, 30)] == [
        "3 s before the flood",
        "3 s into the flood",
        "5 s after the flood",
    ]
    assert in_run(found, at(8)) == " 8 s into the run"
    assert in_run(Evidence(NODE, (), [], []), at(8)) == in_flood(Evidence(NODE, (), [], []), at(8)) == ""


def test_without_a_cycle_the_marks_really_in_force_are_told() -> None:
    node = NodeVerdict(node=NODE, verdict="deadlocked", reason="it stands", stalled_since_ns=at(8))
    boosted = headline("Deadlocked", node, case(trace(stretch(1, 0, boost_pages=800))), 0, of_all=False)
    assert "free 350 pages (min 256 + boost 800), 32 requests in flight" in boosted
    assert "(min 256), 32 requests" in headline("Deadlocked", node, case(trace(stretch(1, 0))), 0, of_all=False)
