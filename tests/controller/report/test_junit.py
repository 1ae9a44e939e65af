from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

import msgspec
import pytest
import syntheticruns

from controller.experiment.record import Check, NodeVerdict, Result
from controller.report import junit


def suite(result: Result) -> Element:
    found = fromstring(junit(result)).find("testsuite")
    assert found is not None
    return found


def counts(result: Result) -> tuple[str | None, ...]:
    return tuple(suite(result).get(name) for name in ("tests", "failures", "errors"))


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("deadlock", ("3", "1", "0")),
        ("healthy", ("3", "0", "0")),
        ("starved", ("2", "0", "0")),
        ("inconclusive", ("1", "0", "1")),
    ],
)
def test_counts(run: str, expected: tuple[str, str, str]) -> None:
    assert counts(syntheticruns.ALL[run]().result) == expected


def test_counts_agree_with_the_cases() -> None:
    for make in syntheticruns.ALL.values():
        cases = suite(make().result)
        assert int(cases.get("tests", "")) == len(cases.findall("testcase"))
        assert int(cases.get("failures", "")) == len(cases.findall("testcase/failure"))
        assert int(cases.get("errors", "")) == len(cases.findall("testcase/error"))


def test_an_expectation_not_met_says_what_was_found() -> None:
    failure = suite(syntheticruns.deadlock().result).find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "found deadlocked"


def test_without_expectations_a_dead_node_fails() -> None:
    result = msgspec.structs.replace(syntheticruns.deadlock().result, checks=())
    assert counts(result) == ("1", "1", "0")


def test_expectations_of_an_inconclusive_run_are_errors() -> None:
    node = NodeVerdict(node="i", verdict="inconclusive", reason="no pressure")
    check = Check(expectation="verdict: healthy", met=False, found="inconclusive")
    assert counts(Result(run="r", scenario="s", nodes=(node,), checks=(check,))) == ("2", "0", "2")


def test_a_run_without_anything_is_an_error() -> None:
    assert counts(Result(run="r", scenario="s")) == ("1", "0", "1")


def test_any_text_is_valid_xml() -> None:
    result = Result(
        run="r", scenario="<&\"'\x00\x1b[31m", checks=(Check(expectation="a\x08<b", met=False, found="]]>&"),)
    )
    assert counts(result) == ("1", "0", "1")
