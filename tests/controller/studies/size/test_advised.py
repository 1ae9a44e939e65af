"""Advice: never below what Linux asks for, never a size that was refused, and what decided is said."""

from __future__ import annotations

import pytest
from sizing import CLASSIC, sized

from controller.studies.size.advised import Bound, asked_of
from controller.studies.size.study import largest

MIB = 1024
CLASSIC_ASKED = asked_of(64 * MIB)


def names(bounds: tuple[Bound, ...]) -> list[tuple[str, int]]:
    return [(bound.name, bound.kib) for bound in bounds]


@pytest.mark.parametrize(
    ("memory_mib", "huge_pages", "asked"),
    [
        (64, True, [("transparent huge pages", 3276), ("kernel default", 1024), ("documentation", 1024)]),
        (32, False, [("documentation", 1024), ("kernel default", 724)]),
        (1024, False, [("kernel default", 4096), ("documentation", 1024)]),
        (16 * MIB, True, [("transparent huge pages", 67584), ("kernel default", 16384), ("documentation", 1024)]),
    ],
)
def test_what_linux_asks_for(memory_mib: int, huge_pages: bool, asked: list[tuple[str, int]]) -> None:
    assert names(asked_of(memory_mib * MIB, huge_pages=huge_pages)) == asked


def test_zones_that_are_known_decide() -> None:
    """A board of 4 GiB whose memory is one zone, and one of 1 GiB of which a quarter is high memory."""
    assert names(asked_of(4096 * MIB, zones=1))[0] == ("transparent huge pages", 22528)
    assert names(asked_of(1024 * MIB, low_kib=768 * MIB, huge_pages=False))[0] == ("kernel default", 3547)


def test_two_pages_that_survive_are_not_advised() -> None:
    """A machine like a Raspberry was once told `2 pages (8 KiB)`."""
    item = sized("mainline", 2)
    assert item.min_free_pages == 2
    advice = item.advice
    assert (advice.min_free_kib, advice.decided_by) == (3276, "transparent huge pages")
    assert advice.command == "sysctl -w vm.min_free_kbytes=3276"
    assert names(advice.bounds)[-1] == ("simulation", 8)
    tried = next(level for level in item.found.levels if level.pages == 819)
    assert tried.decided == "survives", "what is advised is put to the whole test"
    assert advice.certainty.startswith("11 of 11 simulated runs with different seeds survived; from that follows")
    assert "at most one error in 10, that more than 0.8 of such runs do" in advice.certainty


def test_where_the_simulation_wants_more_it_decides() -> None:
    advice = sized("mainline", 2000).advice
    assert advice.decided_by == "simulation" and advice.min_free_kib and 8000 <= advice.min_free_kib <= 8200
    assert names(advice.bounds)[0] == ("simulation", advice.min_free_kib)


def test_a_size_that_linux_allows_and_the_simulation_refuses_is_passed_over() -> None:
    """12 KiB survive, and 3 to 6 MiB do not: more is not always better."""
    item = sized("mainline", 3, hole=range(700, 1500))
    assert item.min_free_pages == 3
    assert item.advice.decided_by == "simulation" and item.advice.min_free_kib
    assert 6000 <= item.advice.min_free_kib <= 6200
    assert "will not do in the simulation" in item.advice.why


def test_where_only_what_linux_forbids_survives_nothing_is_advised() -> None:
    item = sized("mainline", 3, hole=range(100, 1 << 20))
    assert item.min_free_pages == 3
    assert item.advice.min_free_kib is None and item.advice.command == ""
    assert item.advice.why.startswith("nothing from 3276 KiB on will do in the simulation: seed 7 is deadlocked")


def test_where_nothing_survives_nothing_is_advised() -> None:
    advice = sized("none", 1 << 30).advice
    assert (advice.min_free_kib, advice.decided_by, advice.certainty) == (None, None, "")


def test_what_the_scenario_has_no_room_for_is_said_to_be_untried() -> None:
    item = sized("mainline", 2, asked=asked_of(16 * MIB * MIB))
    assert item.advice.min_free_kib == 67584 > largest(CLASSIC) * 4
    assert item.advice.certainty == "it was not tried" and "no room" in item.advice.why


def test_survival_is_not_all_that_can_be_asked() -> None:
    """From 2 pages on it survives, from 900 on no allocation fails."""
    survival = sized("mainline", 2, faultless_pages=900)
    assert survival.advice.min_free_kib == 3276
    assert survival.advice.failures.startswith("in 11 of 11 runs, at most 17 in one")
    faultless = sized("mainline", 2, faultless_pages=900, goal="no-failures")
    assert faultless.advice.min_free_kib and 3600 <= faultless.advice.min_free_kib <= 3700
    assert faultless.advice.failures.startswith("in none of 11 runs")
    assert "survived without a failed allocation" in faultless.advice.certainty
    assert faultless.found.fails and faultless.found.fails.worst
    assert faultless.found.fails.worst.survived and faultless.found.fails.worst.alloc_failures == 17
