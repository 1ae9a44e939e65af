"""A result in short: KTAP that a parser of its grammar takes, and Markdown whose tables hold whatever a run says."""

from __future__ import annotations

import re

import pytest
from msgspec import structs
from syntheticruns import ALL, deadlock, healthy, inconclusive

from controller.report.summaries import ktap, markdown

LINE = re.compile(r"(not )?ok (\d+) ([^#]*?)( # SKIP .*)?")


@pytest.mark.parametrize("name", ALL)
def test_every_kind_of_result_is_ktap(name: str) -> None:
    lines = ktap(ALL[name]().result).splitlines()
    assert lines[0] == "KTAP version 1"
    tests = [line for line in lines[1:] if not line.startswith("#")]
    assert tests[0] == f"1..{len(tests) - 1}" and len(tests) > 1
    found = [LINE.fullmatch(line) for line in tests[1:]]
    assert [match and match[2] for match in found] == [str(number) for number in range(1, len(tests))]


def test_what_was_not_met_fails_and_what_nobody_knows_is_skipped() -> None:
    told = ktap(deadlock().result)
    assert "not ok 1 verdict: healthy\n" in told and "\nok 2 sometimes: reserve_used_pages > 0\n" in told
    assert "not ok" not in ktap(healthy().result)
    assert "ok 1 initiator-1 survives # SKIP inconclusive" in ktap(inconclusive().result)
    alone = structs.replace(deadlock().result, checks=())
    assert "not ok 1 initiator-1 survives\n" in ktap(alone)


def test_a_name_cannot_be_a_directive() -> None:
    result = deadlock().result
    check = structs.replace(result.checks[0], expectation="x # SKIP\nok 9 y")
    lines = ktap(structs.replace(result, checks=(check,))).splitlines()
    assert "not ok 1 x SKIP ok 9 y" in lines


def test_markdown_has_the_verdict_the_expectations_and_each_initiator() -> None:
    told = markdown(deadlock().result)
    assert told.startswith("### ✕ classic: deadlocked\n")
    assert "| verdict: healthy | **no** | deadlocked |" in told
    assert "| initiator-1 | deadlocked | 960 | 29 | 0 | 168 pages |" in told


def test_nothing_in_a_run_breaks_out_of_its_cell() -> None:
    result = structs.replace(deadlock().result, sentence="a | b\n<script>`x`")
    assert "a \\| b &lt;script>'x'" in markdown(result)
