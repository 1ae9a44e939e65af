"""Goal: every verdict, and every reason for none, is reached by a trace that deserves it, and by no other.

Method: synthetic traces x verdicts (tests/support/verdictcases.py), whose outcome is also kept as readable text
(tests/golden/verdicts.txt; NETRESERVE_UPDATE_GOLDEN=1 writes it anew), so that a change of judgement shows in review.
"""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

import pytest
from verdictcases import CASES

from controller.experiment import finding

GOLDEN = Path(__file__).parents[2] / "golden" / "verdicts.txt"


@pytest.mark.parametrize("name", CASES)
def test_each_trace_gets_the_verdict_it_deserves(name: str) -> None:
    case = CASES[name]
    judgement = case.judged()
    assert (judgement.verdict, judgement.data) == (case.verdict, case.data), judgement.sentence
    assert judgement.harness_fault == case.harness
    assert judgement.nodes[0].verdict == case.verdict
    assert name.startswith(case.verdict)


def test_the_judgements_in_words_are_those_of_the_golden_table() -> None:
    blocks = []
    for name, case in CASES.items():
        judgement = case.judged()
        notes = "".join(f"\n    note: {note}" for note in judgement.notes)
        blocks.append(f"{name}\n    {judgement.sentence}\n    data {judgement.data}{notes}\n")
    text = "\n".join(blocks)
    if os.environ.get("NETRESERVE_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


UNDECIDED = [name for name in CASES if name.startswith("inconclusive")]


@pytest.mark.parametrize("name", UNDECIDED)
def test_whatever_proves_nothing_names_the_next_step(name: str) -> None:
    judgement = CASES[name].judged()
    assert judgement.next_step == judgement.nodes[0].next_step
    assert "`netreserve " in judgement.next_step or judgement.next_step == "ask for less"


def test_every_reason_for_inconclusive_stands_in_the_table() -> None:
    """So that each is seen to name its step: whatever calls `_inconclusive` is reached by some case."""
    source = Path(finding.__file__).read_text().splitlines()
    calls = {number for number, line in enumerate(source, 1) if "_inconclusive(" in line and "def " not in line}
    reached: set[int] = set()

    def spy(reason: str, next_step: str, **more: Any) -> finding.Finding:
        frame = inspect.currentframe()
        assert frame and frame.f_back
        reached.add(frame.f_back.f_lineno)
        return plain(reason, next_step, **more)

    plain = finding._inconclusive
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding, "_inconclusive", spy)
        for case in CASES.values():
            case.judged()
    assert not {source[number - 1].strip() for number in calls} - {source[number - 1].strip() for number in reached}
