"""`netreserve epoll2006`: table, JSON, picture, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.cli.main import carry_out
from controller.studies.epoll2006.costs import COSTS

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "epoll-2006.md"
QUICK = ["epoll2006", "--requests", "1"]


def test_the_table_says_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(QUICK) == 0
    said = capsys.readouterr().out
    assert all(f"\n{cost.name} " in said for cost in COSTS)
    assert said.count("the claim does not hold") == 2 and "claimed 1.28 to 1.44" in said
    assert "must save 168 us" in said and "204 us of a request at 1700/s are not the allocator's" in said
    assert "together" not in said and "10 us less give" in said


def test_all_assumptions_together_are_told_where_they_are_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.studies.epoll2006.sensitivity.ENDS", {"response_bytes": (100, 8192)})
    assert carry_out([*QUICK, "--together"]) == 0
    said = capsys.readouterr().out
    assert said.count("at their best for it, with CONFIG_DEBUG_SLAB: saves") == 2
    assert said.count("at their best for it, without CONFIG_DEBUG_SLAB: saves") == 2


def test_json_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out([*QUICK, "--cost", "kmalloc=20000", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["prices"]["kmalloc"] == 20000 and answer["kmalloc"]["per_request"]["kmalloc"] == 48
    assert all(finding["holds"] for finding in answer["findings"]), "a price at which it does"


def test_the_picture_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out([*QUICK, "--picture", str(tmp_path / "epoll.png")]) == 0
    assert (tmp_path / "epoll.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cost", "bounse=3"], "did you mean 'bounce'"),
        (["--cpus", "0"], "--cpus is 0: 1 to 2"),
        (["--picture", "epoll.gif"], "ends in .png"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_counted(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out([*QUICK, *words]) == 2
    assert said in capsys.readouterr().err


def test_the_page_says_what_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the bars of the sensitivity, which take ten seconds; every price of its table is there too."""
    monkeypatch.setattr("controller.studies.epoll2006.result.sensitivity", lambda *_: [])
    assert carry_out(["epoll2006"]) == 0
    page = PAGE.read_text()
    block = page.partition("```text\n")[2].partition("```")[0].splitlines()
    said = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert len(said) > 20
    assert not [line for line in said if not line.startswith("assumption") and line not in block]
    for cost in COSTS:
        row = f"| `{cost.name}`: {cost.what} | {cost.low_ns:g}, {cost.base_ns:g}, {cost.high_ns:g} | {cost.source} |"
        assert row in page
