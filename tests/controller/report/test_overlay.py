"""The overlaid timeline: aligned at the flood, one line a run, and a page that stands alone."""

from __future__ import annotations

import pytest
import syntheticruns
from msgspec import structs

from controller.experiment.record import Record
from controller.report import charts
from controller.report.overlay import page, png, rows, spec
from controller.studies.comparison.figures import figures
from controller.studies.comparison.subjects import Comparison, Measured, Subject


def subject(label: str, run: Record) -> Subject:
    measured = Measured(seed=7, verdict=run.result.verdict, figures=figures(run.result, run.samples))
    return Subject(label=label, runs=(measured,), shown=run)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    subjects = (subject("<none>", syntheticruns.deadlock()), subject("memalloc", syntheticruns.healthy()))
    return Comparison(title="two runs", subjects=subjects, differences={"memalloc": []}, how="Single runs")


def test_runs_are_aligned_where_their_floods_start(comparison: Comparison) -> None:
    shown = rows(comparison)
    assert {row["run"] for row in shown} == {"<none>", "memalloc"}
    starts = {run: min(row["t"] for row in shown if row["run"] == run) for run in ("<none>", "memalloc")}
    assert all(-5 <= start < -4.5 for start in starts.values())
    hung = [row["free"] for row in shown if row["run"] == "<none>" and row["t"] > 1 and row["free"] is not None]
    assert set(hung) == {88}


def test_another_flood_start_moves_the_line(comparison: Comparison) -> None:
    late = subject("late", syntheticruns.deadlock())
    phases = late.shown.result.phases
    moved = structs.replace(phases[1], start_ns=phases[1].start_ns + 2 * 10**9)
    result = structs.replace(late.shown.result, phases=(phases[0], moved, phases[2]))
    other = structs.replace(late, shown=structs.replace(late.shown, result=result))
    first = min(row["t"] for row in rows(structs.replace(comparison, subjects=(other,))))
    assert -7 <= first < -6.5


def test_each_run_has_a_line_of_its_own(comparison: Comparison) -> None:
    colours = spec(comparison)["vconcat"][0]["layer"][0]["encoding"]
    assert colours["color"]["scale"]["domain"] == colours["strokeDash"]["scale"]["domain"] == ["<none>", "memalloc"]
    assert len({str(dash) for dash in colours["strokeDash"]["scale"]["range"]}) == 2


def test_the_page_stands_alone_and_escapes(comparison: Comparison) -> None:
    text = page(comparison)
    assert "<none>" not in text and "&lt;none&gt;" in text
    assert "http://" not in text.partition("</main>")[0] and "default-src 'none'" in text
    assert "deadlocked" in text and "Single runs." in text and charts.bundle() in text


def test_the_picture_is_a_png(comparison: Comparison) -> None:
    assert png(comparison, scale=0.5).startswith(b"\x89PNG")


def test_a_run_of_which_nothing_was_measured_draws_nothing(comparison: Comparison) -> None:
    empty = subject("empty", syntheticruns.inconclusive())
    assert rows(structs.replace(comparison, subjects=(empty,))) == []
    assert "empty" in page(structs.replace(comparison, subjects=(empty,)))
