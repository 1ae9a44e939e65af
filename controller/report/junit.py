"""A result as junit.xml, for whatever CI shows tests: one case per expectation, one per initiator's verdict."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from controller.experiment.record import Check, NodeVerdict, Result
from controller.experiment.verdicts import SURVIVED
from nodes.units import SECOND_NS

_FORBIDDEN = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 65534, 65535], "�")
"""Characters that XML 1.0 cannot hold, even escaped."""


def junit(result: Result) -> str:
    """The text of junit.xml. An expectation not met is a failure, an inconclusive verdict an error. A node's own verdict
    fails only where the scenario expected nothing: else the expectations decide what is right."""
    suite = Element("testsuite", name=_text(f"netreserve.{result.scenario}"))
    suite.set("time", f"{max(0, result.ended_ns - result.started_ns) / SECOND_NS:.3f}")
    _properties(suite, result)
    for check in result.checks:
        _expectation(suite, result, check)
    for node in result.nodes:
        _verdict(suite, result, node)
    if not result.checks and not result.nodes:
        _case(suite, result, "verdict", "error", result.sentence or "inconclusive")
    for outcome in ("failure", "error"):
        suite.set({"failure": "failures", "error": "errors"}[outcome], str(len(suite.findall(f"testcase/{outcome}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _properties(suite: Element, result: Result) -> None:
    told = {"run": result.run, "tier": result.tier, "policy": result.policy, "seed": result.seed, "data": result.data}
    properties = SubElement(suite, "properties")
    for name, value in told.items():
        SubElement(properties, "property", name=name, value=_text(str(value)))


def _expectation(suite: Element, result: Result, check: Check) -> None:
    if check.met:
        _case(suite, result, check.expectation)
    elif result.verdict == "inconclusive":
        _case(suite, result, check.expectation, "error", f"inconclusive; found {check.found}")
    else:
        _case(suite, result, check.expectation, "failure", f"found {check.found}")


def _verdict(suite: Element, result: Result, node: NodeVerdict) -> None:
    name = f"verdict of {node.node}: {node.verdict}"
    if node.verdict == "inconclusive":
        _case(suite, result, name, "error", "; next: ".join(filter(None, (node.reason, node.next_step))))
    elif node.verdict not in SURVIVED and not result.checks:
        _case(suite, result, name, "failure", node.reason)
    else:
        _case(suite, result, name)


def _case(suite: Element, result: Result, name: str, outcome: str = "", message: str = "") -> None:
    classname = ".".join(("netreserve", result.scenario, result.tier, result.policy or "none"))
    case = SubElement(suite, "testcase", name=_text(name), classname=_text(classname))
    if outcome:
        SubElement(case, outcome, message=_text(message)).text = _text(result.sentence)


def _text(text: str) -> str:
    return text.translate(_FORBIDDEN)
