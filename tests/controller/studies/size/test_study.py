"""A study from scenario to answer, with machines whose answer is known, and with the simulator itself."""

from __future__ import annotations

import pytest
from clirunner import ROOT
from sizing import CLASSIC, sized

from controller.experiment.scenario import parse
from controller.studies.size.study import agreement, at_level, largest
from nodes.errors import UsageError


def test_the_smallest_reserve_is_found_with_its_interval() -> None:
    item = sized("memalloc+slab", 300)
    assert item.min_free_pages and 300 <= item.min_free_pages <= 306
    assert item.found.fails and item.found.fails.pages < 300
    assert item.min_pages == item.min_free_pages + 480
    assert not item.warning
    assert agreement(item).startswith("the sum is 98% of what the simulation needs")


def test_where_no_reserve_helps_the_reason_is_told() -> None:
    item = sized("none", 1 << 30)
    assert item.min_free_pages is None and item.min_pages is None
    assert "up to the largest that memory has room for" in item.warning
    assert "seed 7 is deadlocked: kswapd (waits for writes answered)" in item.warning
    assert "strangers alone may hold 8193 pages" in item.warning


def test_the_largest_level_is_the_last_that_fits() -> None:
    most = largest(at_level(CLASSIC, 1, 0))
    at_level(CLASSIC, most, 0)
    with pytest.raises(UsageError):
        at_level(CLASSIC, most + 1, 0)


def test_the_smallest_setting_is_told_as_such() -> None:
    said = "even the smallest setting survives: what the policy adds itself is enough; the sum,"
    assert agreement(sized("memalloc+slab", 1)) == f"{said} which has all consumers at their most at once, asks for 768"


def test_a_scenario_that_sets_min_free_itself_is_refused() -> None:
    text = (ROOT / "scenarios" / "classic.yaml").read_text()
    fault = "faults:\n  - {at: 1 s, kind: min_free, min_free: 2 MiB, node: initiator}\n"
    with pytest.raises(UsageError, match="changes min_free by a fault"):
        sized("none", 1, parse(text.replace("phases:", f"{fault}phases:")))
