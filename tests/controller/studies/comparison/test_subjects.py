"""Policies over seeds, and recorded runs, side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from tinyscenario import record, tiny

from controller.simulated.simulate import simulate
from controller.studies.comparison.subjects import (
    FORM,
    Comparison,
    difference_rows,
    number,
    of_policies,
    of_runs,
    table,
)
from controller.studies.rows import Rows
from controller.studies.workers import Workers
from nodes.errors import InconclusiveError, UsageError


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    with Rows.open(tmp_path_factory.mktemp("kept") / "rows.jsonl", FORM) as rows:
        return of_policies(tiny(links__data__loss="0.1 %"), ["none", "memalloc+slab"], 2, Workers(1), rows)


def test_policies_are_paired_over_the_same_seeds(policies: Comparison) -> None:
    none, memalloc = policies.subjects
    assert [run.seed for run in none.runs] == [run.seed for run in memalloc.runs] == [7, 8]
    assert none.verdicts() == "deadlocked" and memalloc.verdicts() == "healthy"
    found = {item.figure: item for item in policies.differences["memalloc+slab"]}
    lost = found["no_buffer_drops"]
    pairs = zip(none.runs, memalloc.runs, strict=True)
    values = [(b.figures["no_buffer_drops"] or 0) - (a.figures["no_buffer_drops"] or 0) for a, b in pairs]
    assert lost.mean == pytest.approx(sum(values) / 2) and lost.pairs == 2
    assert lost.low is not None and lost.high is not None and lost.low < lost.mean < lost.high < 0 and lost.clear
    assert "hang_s" not in found, "memalloc has none to compare"
    assert "Student's 95 % interval" in policies.how


def test_the_tables_have_a_column_for_each(policies: Comparison) -> None:
    rows = table(policies)
    assert rows[0] == ("verdict", "deadlocked", "healthy") and {len(row) for row in rows} == {3}
    assert any("[" in cell and cell.endswith("*") for _, cell in difference_rows(policies))


def test_it_goes_on_where_it_was_and_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def compared(*names: str) -> Comparison:
        with Rows.open(tmp_path / "rows.jsonl", FORM) as rows:
            return of_policies(tiny(), names, 1, Workers(1), rows, lambda done, of: told.append((done, of)))

    first = compared("none", "mainline")
    assert told == [(1, 2), (2, 2)]
    assert compared("none", "mainline") == first and len(told) == 2, "nothing is simulated again"
    compared("none", "memalloc", "mainline")
    assert told[2:] == [(3, 3)], "only what is new"


def test_recorded_runs_have_no_interval(tmp_path: Path) -> None:
    folders = [
        record(tmp_path, tiny(policy), simulate(tiny(policy)), run=f"20261122T20171{i}Z-00000{i}")
        for i, policy in enumerate(("none", "memalloc"))
    ]
    made = of_runs(folders)
    assert [subject.label for subject in made.subjects] == [
        "classic, none, sim (000000)", "classic, memalloc, sim (000001)",
    ]  # fmt: skip
    (items,) = made.differences.values()
    assert items and all(item.low is None for item in items) and "no interval" in made.how
    with pytest.raises(UsageError, match="needs two at least"):
        of_runs(folders[:1])
    with pytest.raises(UsageError, match="is named twice"):
        of_runs([folders[0], folders[0]])
    with pytest.raises(InconclusiveError):
        of_runs([tmp_path, folders[0]])


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (1234.5, "1,234"), (3.14159, "3.14"), (5.0, "5")])
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text
