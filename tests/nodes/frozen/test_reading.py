"""Every log of the corpus gives its right answer, also cut, behind any prefix, and as any other era writes it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eras import ERAS, HANGS, PREFIXES, Hang
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.errors import UsageError
from nodes.frozen.reading import Report, read
from nodes.frozen.words import told

CORPUS = Path(__file__).parents[2] / "recorded" / "frozen"
SCHEMA = Path(__file__).parents[3] / "docs" / "reference" / "autopsy.schema.json"
ANSWERS: dict[str, dict[str, Any]] = tomllib.loads((CORPUS / "answers.toml").read_text())
NAMES = sorted(path.stem for path in CORPUS.glob("*.log"))


@cache
def lines_of(name: str) -> tuple[str, ...]:
    return tuple((CORPUS / f"{name}.log").read_bytes().decode(errors="replace").replace("\r", "\n").split("\n"))


@cache
def report(name: str) -> Report:
    return read(lines_of(name))


def waiters(found: Report) -> list[str]:
    return [edge.waiter for edge in found.cycle]


@pytest.mark.parametrize("name", NAMES)
def test_a_log_has_its_right_answer(name: str) -> None:
    right, found = ANSWERS[name], report(name)
    assert found.kind == right["kind"]
    assert [words for words in right["says"] if words not in found.headline] == []
    assert waiters(found) == right.get("cycle", [])
    assert found.sure == right.get("sure", found.sure)
    assert any(right.get("beside", "") in text for text in (*found.beside, ""))
    assert found.past == right.get("past", False)
    assert found.evidence or found.kind in ("nobody", "silent")


def test_every_answer_has_its_log_and_says_what_to_do() -> None:
    assert sorted(ANSWERS) == NAMES
    for name in NAMES:
        assert report(name).next and all("\n" not in line for line in told(report(name)))


def test_all_that_speaks_of_a_task_or_a_failure_is_read() -> None:
    for name in NAMES:
        counts = report(name).read
        assert counts.blocked == counts.blocked_read, name
        assert counts.failures == counts.failures_read, name
        assert counts.frames == counts.frames_read, name


@pytest.mark.parametrize("prefix", sorted(PREFIXES))
def test_any_prefix_gives_the_same_answer(prefix: str) -> None:
    for name in HANGS:
        check(name, "6.x", prefix)


@pytest.mark.parametrize("era", sorted(ERAS))
def test_any_era_gives_the_same_answer(era: str) -> None:
    for name in HANGS:
        check(name, era, "dmesg")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(HANGS)), st.sampled_from(sorted(ERAS)), st.sampled_from(sorted(PREFIXES)))
def test_any_prefix_with_any_era_gives_the_same_answer(name: str, era: str, prefix: str) -> None:
    check(name, era, prefix)


def check(name: str, era: str, prefix: str) -> None:
    hang = HANGS[name]
    found = read(written(hang, era, prefix))
    assert (found.kind, waiters(found)) == (hang.kind, list(hang.cycle))
    assert [words for words in hang.says if words not in found.headline] == []


def written(hang: Hang, era: str, prefix: str) -> list[str]:
    """The hang's log as a kernel of that era would write it, each line as somebody with that prefix would keep it."""
    text = [*hang.before, *(line for task in hang.tasks for line in ERAS[era](task))]
    return [PREFIXES[prefix](number, line) for number, line in enumerate(text)]


@pytest.mark.parametrize("name", ["header-5.9-pid-aligned", "oom-3.x", "reception-failure-alone", "nfs-server-gone"])
def test_what_the_log_goes_on_after_for_hours_is_told_in_the_past(name: str) -> None:
    later = [f"[{20_000 + second:5}.000000] usb 1-1: new device" for second in range(20)]
    assert (
        read([*lines_of(name), *later]).headline
        == f"5 hours before the log ends (it may be over): {report(name).headline}"
    )


CUTS = 20
"""Per log, in even steps."""


@pytest.mark.parametrize("name", NAMES)
def test_a_log_that_breaks_off_accuses_nobody_new(name: str) -> None:
    text = "\n".join(lines_of(name))
    for cut in range(1, CUTS):
        found = answered(text[: len(text) * cut // CUTS].split("\n"))
        assert found is None or set(waiters(found)) <= set(waiters(report(name))), cut


@pytest.mark.parametrize("name", NAMES)
def test_a_log_whose_beginning_is_lost_accuses_with_an_assumption_or_not_at_all(name: str) -> None:
    lines = lines_of(name)
    for lost in range(1, len(lines), max(1, len(lines) // CUTS)):
        found = answered(lines[lost:])
        assert found is None or set(waiters(found)) <= set(waiters(report(name))) or found.assumed, lost


def answered(lines: Sequence[str]) -> Report | None:
    """The report, or nothing where there is too little left to be a log."""
    try:
        return read(lines)
    except UsageError:
        return None


def test_the_json_has_its_published_schema() -> None:
    text = msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Report)), indent=2).decode() + "\n"
    if os.environ.get("NETRESERVE_UPDATE_GOLDEN"):
        SCHEMA.write_text(text)
    assert SCHEMA.read_text() == text


PIECES = [line for name in NAMES for line in lines_of(name)]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(PIECES),
            st.builds(lambda line, at: line[at:], st.sampled_from(PIECES), st.integers(0, 60)),
            st.builds(lambda line, at: line[:at], st.sampled_from(PIECES), st.integers(0, 60)),
            st.text(max_size=60),
        ),
        max_size=50,
    )
)
def test_whatever_the_lines_are_it_answers_or_says_that_it_is_no_log(lines: list[str]) -> None:
    try:
        found = read(lines)
    except UsageError as error:
        assert "no kernel log" in str(error)
        return
    assert found.headline and all("\n" not in line for line in told(found))
    for edge, then in zip(found.cycle, (*found.cycle[1:], *found.cycle[:1]), strict=True):
        assert edge.who_frees == then.waiter
