"""The search, against machines whose answer is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from controller.studies.size.search import Found, Level, Search
from controller.studies.size.sequential import SequentialTest
from controller.studies.trials import Trial

QUICK = SequentialTest(survive=0.8, confidence=0.9)
CYCLE = (("kswapd", "writes answered"), ("storage reply", "receive buffers"))


def machine(
    survives: Callable[[int, int], bool],
) -> tuple[list[tuple[int, int]], Callable[[int, Sequence[int]], list[Trial]]]:
    """A machine that lives where `survives(pages, seed)` says so, and the list of runs that were made of it."""
    made: list[tuple[int, int]] = []

    def run(pages: int, seeds: Sequence[int]) -> list[Trial]:
        made.extend((pages, seed) for seed in seeds)
        return [
            Trial(seed=seed, verdict="healthy" if survives(pages, seed) else "deadlocked",
                  cycle=() if survives(pages, seed) else CYCLE)
            for seed in seeds
        ]  # fmt: skip

    return made, run


@pytest.mark.parametrize("threshold", [1, 2, 3, 100, 777, 4096])
def test_the_threshold_is_found(threshold: int) -> None:
    made, run = machine(lambda pages, seed: pages >= threshold)
    found = Search(run, QUICK).smallest(1, 4096)
    assert found.survives and found.survives.decided == "survives"
    assert threshold <= found.survives.pages <= threshold * 1.02 + 1
    if threshold > 1:
        assert found.fails and found.fails.decided == "fails" and found.fails.pages < threshold
    else:
        assert found.fails is None
    assert found.runs == len(made) and not found.anomalies


def test_none_survives() -> None:
    _, run = machine(lambda pages, seed: False)
    found = Search(run, QUICK).smallest(1, 1000)
    assert found.survives is None and found.fails and found.fails.pages == 1000
    assert all(level.decided == "fails" for level in found.levels)


def test_a_level_that_passes_its_first_seeds_and_not_the_test_is_no_answer() -> None:
    """Seeds beyond the screening show what the first three hide: from 64 pages up, not below."""
    _, run = machine(lambda pages, seed: pages >= 64 or (pages >= 32 and seed < 3))
    found = Search(run, QUICK).smallest(1, 1024)
    assert found.survives and 64 <= found.survives.pages <= 66
    assert found.fails and found.fails.pages >= 32


def test_more_reserve_that_kills_is_an_anomaly() -> None:
    _, run = machine(lambda pages, seed: 50 <= pages < 500 or pages >= 2000)
    found = Search(run, QUICK).smallest(1, 4096)
    assert found.survives and found.survives.pages >= 50
    assert len(found.anomalies) == 1
    assert "survive and 512 do not: seed 0 is deadlocked: kswapd (waits for writes answered)" in found.anomalies[0]


def test_a_lonely_survivor_is_not_the_answer() -> None:
    _, run = machine(lambda pages, seed: pages == 8 or pages >= 300)
    found = Search(run, QUICK).smallest(1, 4096)
    assert found.survives and found.survives.pages >= 300
    assert any(said.startswith("8 pages survive and 16 do not") for said in found.anomalies)


def test_every_level_meets_the_same_seeds_in_their_order() -> None:
    made, run = machine(lambda pages, seed: pages >= 10)
    Search(run, QUICK, first_seed=7).smallest(1, 64)
    for level in {pages for pages, _ in made}:
        seeds = [seed for pages, seed in made if pages == level]
        assert seeds == list(range(7, 7 + len(seeds)))


def test_the_answer_does_not_depend_on_how_many_run_at_once() -> None:
    def flaky(pages: int, seed: int) -> bool:
        return random.Random(pages * 1000 + seed).random() < min(1.0, pages / 100)

    answers = [Search(machine(flaky)[1], QUICK, batch=batch).smallest(1, 1024).survives for batch in (1, 2, 7)]
    assert len({answer.pages for answer in answers if answer}) == 1


def test_progress_is_told_after_every_level() -> None:
    told: list[tuple[int, int]] = []
    made, run = machine(lambda pages, seed: pages >= 5)
    Search(run, QUICK, progress=lambda level, runs: told.append((level.pages, runs))).smallest(1, 16)
    assert told[-1][1] == len(made) and [runs for _, runs in told] == sorted(runs for _, runs in told)


def test_nothing_found_has_no_anomalies() -> None:
    level = Level(pages=1, trials=(Trial(seed=0, verdict="deadlocked"),), decided="fails")
    assert Found(survives=None, fails=level, levels=(level,)).anomalies == ()
