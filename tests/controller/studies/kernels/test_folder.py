"""Trials on the disk, never carried out twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from controller.studies.kernels.folder import TRIALS, TrialFolder
from controller.studies.kernels.model import Asked, Key, Subject, Trial
from nodes.errors import HarnessError, UsageError

ASKED = Asked(
    subjects=(Subject(name="s", digest="d"),), kernels=("",), nics=("e1000e", "rtl8139"), policies=("none",), repeat=2
)
KEYS = list(ASKED.order())


def trial(key: Key, verdict: str = "healthy") -> Trial:
    return Trial(key=key, verdict=verdict)  # type: ignore[arg-type]


def test_what_was_carried_out_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with TrialFolder.open(tmp_path) as folder:
        assert folder.missing(ASKED) == KEYS
        folder.append(trial(KEYS[1]))
    with TrialFolder.open(tmp_path) as again:
        assert again.missing(ASKED) == [KEYS[0], KEYS[2], KEYS[3]]
    assert TrialFolder.read(tmp_path).trials == {KEYS[1]: trial(KEYS[1])}


def test_a_larger_matrix_lacks_only_what_is_new(tmp_path: Path) -> None:
    with TrialFolder.open(tmp_path) as folder:
        for key in KEYS:
            folder.append(trial(key))
        more = Asked(subjects=ASKED.subjects, kernels=("", "sid"), nics=("e1000e",), policies=("none",), repeat=3)
        assert [(key.place.kernel, key.repeat) for key in folder.missing(more)] == [
            ("sid", 0),
            ("sid", 1),
            ("", 2),
            ("sid", 2),
        ]
        changed = Asked(
            subjects=(Subject(name="s", digest="new"),), kernels=("",), nics=("e1000e",), policies=("none",)
        )
        assert len(folder.missing(changed)) == 1


def test_what_proved_nothing_or_cannot_be_tried_is_tried_again_only_when_asked(tmp_path: Path) -> None:
    with TrialFolder.open(tmp_path) as folder:
        folder.append(trial(KEYS[0], "cannot"))
        folder.append(trial(KEYS[1], "inconclusive"))
        more = structs.replace(KEYS[3], repeat=2)
        assert folder.missing(ASKED) == [KEYS[3], more], "a place that cannot be tried is not tried a second time"
        assert folder.missing(ASKED, again=True) == KEYS
        folder.append(trial(KEYS[0], "healthy"))
        assert folder.missing(ASKED) == [KEYS[2], KEYS[3], more]


def test_a_place_that_cannot_be_tried_in_one_tier_can_in_another(tmp_path: Path) -> None:
    with TrialFolder.open(tmp_path) as folder:
        folder.append(trial(KEYS[0], "cannot"))
        sim = Asked(subjects=ASKED.subjects, kernels=("",), nics=("e1000e",), policies=("none",), tier="sim")
        assert len(folder.missing(sim)) == 1


def test_fresh_puts_the_old_trials_aside(tmp_path: Path) -> None:
    with TrialFolder.open(tmp_path) as folder:
        folder.append(trial(KEYS[0]))
    with TrialFolder.open(tmp_path, fresh=True) as fresh:
        assert fresh.missing(ASKED) == KEYS
    (aside,) = tmp_path.glob("trials-*.jsonl")
    assert aside.stat().st_size > 0


def test_two_processes_do_not_write_into_one(tmp_path: Path) -> None:
    with TrialFolder.open(tmp_path), pytest.raises(UsageError, match="another process"):
        TrialFolder.open(tmp_path)


def test_what_is_no_matrix_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no matrix"):
        TrialFolder.read(tmp_path)
    (tmp_path / TRIALS).write_text("{}\n")
    with pytest.raises(HarnessError, match=r"trials\.jsonl:1: not a row of a matrix"):
        TrialFolder.read(tmp_path)


def test_a_scenario_is_written_under_its_place(tmp_path: Path) -> None:
    path = TrialFolder.open(tmp_path).write_scenario(KEYS[0].place, "text")
    assert (path.name, path.read_text()) == ("s-e1000e-none.yaml", "text")
