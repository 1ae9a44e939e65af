"""Figures of a run, from runs whose story is known."""

from __future__ import annotations

import pytest
import syntheticruns
from msgspec import structs

from controller.studies.comparison.figures import FIGURES, figures


def test_a_deadlock() -> None:
    run = syntheticruns.deadlock()
    found = figures(run.result, run.samples)
    assert set(found) == set(FIGURES)
    assert found["recovery_s"] is None and found["hang_s"] == pytest.approx(0.6)
    assert found["warmup_pages_per_s"] == 960 and found["reserve_used_pages"] == 168
    assert found["no_buffer_drops"] == max(sample.no_buffer_drops for sample in run.samples) > 0
    assert found["free_least_pages"] == min(sample.free_pages for sample in run.samples)


def test_a_healthy_run_never_hung() -> None:
    run = syntheticruns.healthy()
    found = figures(run.result, run.samples)
    assert found["hang_s"] is None and found["recovery_s"] == 0 and (found["early_drops"] or 0) > 0


def test_several_initiators_are_added_up() -> None:
    one, other = syntheticruns.healthy("initiator-1"), syntheticruns.starved("initiator-2")
    both = structs.replace(one.result, nodes=(*one.result.nodes, *other.result.nodes))
    found = figures(both, [*one.samples, *other.samples])
    alone = figures(one.result, one.samples)["rcvbuf_drops"], figures(other.result, other.samples)["rcvbuf_drops"]
    assert found["warmup_pages_per_s"] == 1920 and found["recovery_s"] == pytest.approx(1.4)
    assert found["rcvbuf_drops"] == sum(value or 0 for value in alone)


def test_a_run_without_samples_has_no_figures() -> None:
    run = syntheticruns.inconclusive()
    found = figures(run.result, run.samples)
    assert found["free_least_pages"] is None and found["early_drops"] is None
