"""Two policies laid over each other: who gains, and which verdicts change."""

from __future__ import annotations

import pytest
from sweptgrids import more_reserve_helps, plan, rows

from controller.studies.sweep.difference import difference
from nodes.errors import UsageError

ASKED = plan(
    "nodes.initiator.min_free=1M..8M:log4", "policy=none,local,memalloc", "floods.0.rate=1k..64k:log4", seeds=2
)


def test_every_cell_stands_where_its_points_stood() -> None:
    made = rows(ASKED, more_reserve_helps)
    found = difference(ASKED, made, "none, memalloc")
    assert (found.key, found.first, found.second, len(found.changes)) == ("policy", "none", "memalloc", 16)
    for change in found.changes:
        where = found.grid.where(change.before)
        for cell, policy in ((change.before, "none"), (change.after, "memalloc")):
            expected = [
                row.verdict
                for index, row in made.items()
                if {**where, "policy": policy}.items() <= ASKED.point(index).changes.items()
            ]
            assert [row.verdict for row in cell.rows] == expected


def test_who_gains_and_what_changes() -> None:
    found = difference(ASKED, rows(ASKED, more_reserve_helps), "none,memalloc")
    gains = [change.gain for change in found.changes]
    assert {"both", "second", "neither", "unknown"} == set(gains) and "first" not in gains
    back = difference(ASKED, rows(ASKED, more_reserve_helps), "memalloc,none")
    assert [g.replace("second", "first") for g in gains] == [change.gain for change in back.changes]
    assert found.differing and all(c.before.verdict != c.after.verdict for c in found.differing)
    assert found.differing[0].gain == "second", "those that decide over survival come first"
    same = difference(ASKED, rows(ASKED, more_reserve_helps), "none,local")
    assert not same.differing


@pytest.mark.parametrize("names", ["none", "none,nothing", "none,none", "none,1 kpps", ""])
def test_two_values_of_one_axis_are_needed(names: str) -> None:
    with pytest.raises(UsageError, match=r"policy: none, local, memalloc"):
        difference(ASKED, {}, names)
