"""A scenario is simulated once, also over an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest
from tinyscenario import tiny

from controller.experiment.scenario import Scenario
from controller.studies.rows import Rows
from controller.studies.trials import Trial
from controller.studies.tried import FORM, Tried
from controller.studies.workers import Workers

SEEDS = [tiny(seed=seed) for seed in range(5)]


def test_what_was_tried_before_an_interruption_is_not_tried_again(tmp_path: Path) -> None:
    made: list[int] = []

    def simulator(scenario: Scenario) -> Trial:
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(scenario.seed)
        return Trial(seed=scenario.seed, verdict="healthy")

    path = tmp_path / "rows.jsonl"
    with Workers(1) as workers:
        with pytest.raises(KeyboardInterrupt), Rows.open(path, FORM) as rows:
            Tried(workers, rows, simulator).all(SEEDS)
        assert made == [0, 1, 2]
        made.clear()
        with Rows.open(path, FORM) as rows:
            tried = Tried(workers, rows, simulator)
            assert [trial.seed for trial in tried.all([*SEEDS, SEEDS[0]])] == [0, 1, 2, 3, 4, 0]
            assert made == [3, 4]
            assert tried.one(SEEDS[4]).seed == 4 and made == [3, 4]
