"""A result in short, for other programs' eyes: KTAP, as kernel developers' tools read it, and Markdown for a pull request.

KTAP is version 1 of Documentation/dev-tools/ktap.rst: an expectation or an initiator's verdict is a test.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.experiment.record import NodeVerdict, Result
from controller.experiment.verdicts import SURVIVED, VERDICTS


def ktap(result: Result) -> str:
    """An expectation that an inconclusive run leaves open is skipped, as nothing is known of it. A node's own verdict counts
    only where the scenario expected nothing, as in junit.xml."""
    cases = [*_checks(result), *(() if result.checks else map(_verdict, result.nodes))]
    cases = cases or [(False, f"verdict of {result.scenario}", "", result.sentence)]
    lines = [
        "KTAP version 1",
        f"# {_plain(f'{result.scenario}, policy {result.policy}, tier {result.tier}, run {result.run}')}",
    ]
    lines.append(f"1..{len(cases)}")
    for number, (passed, name, skipped, told) in enumerate(cases, 1):
        lines.append(f"# {_plain(told)}")
        verdict = "ok" if passed or skipped else "not ok"
        lines.append(f"{verdict} {number} {_plain(name)}{f' # SKIP {_plain(skipped)}' if skipped else ''}")
    return "\n".join([*lines, f"# {_plain(result.sentence)}"]) + "\n"


def markdown(result: Result) -> str:
    """The verdict, what was expected and what was found, and each initiator: a section of a pull request."""
    look = VERDICTS[result.verdict]
    lines = [f"### {look.sign} {_cell(result.scenario)}: {look.word.lower()}", "", _cell(result.sentence), ""]
    if result.checks:
        lines += ["| expected | met | found |", "|---|---|---|"]
        lines += [
            f"| {_cell(c.expectation)} | {'yes' if c.met else '**no**'} | {_cell(c.found)} |" for c in result.checks
        ]
        lines.append("")
    if result.nodes:
        lines += [
            "| initiator | verdict | warmup, pages/s | flood | heal | reserve used |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(node) for node in result.nodes]
        lines.append("")
    told = f"policy {result.policy or 'not recorded'}, tier {result.tier}, seed {result.seed}, run {result.run}"
    return "\n".join([*lines, f"<sub>{_cell(told)}</sub>"]) + "\n"


def _checks(result: Result) -> Iterator[tuple[bool, str, str, str]]:
    """Passed, name, why skipped, and what was found."""
    for check in result.checks:
        skipped = "inconclusive" if result.verdict == "inconclusive" and not check.met else ""
        yield check.met, check.expectation, skipped, f"found {check.found}"


def _verdict(node: NodeVerdict) -> tuple[bool, str, str, str]:
    skipped = "inconclusive" if node.verdict == "inconclusive" else ""
    return node.verdict in SURVIVED, f"{node.node} survives", skipped, f"{node.verdict}: {node.reason}"


def _row(node: NodeVerdict) -> str:
    rates = (node.warmup_pages_per_s, node.flood_pages_per_s, node.heal_pages_per_s)
    told = " | ".join(f"{rate:,.0f}" for rate in rates)
    return f"| {_cell(node.node)} | {node.verdict} | {told} | {node.reserve_used_pages} pages |"


def _plain(text: str) -> str:
    """On one line; a `#` in a test's name would begin a directive."""
    return " ".join(text.replace("#", " ").split())


def _cell(text: str) -> str:
    """On one line, and as it is: nothing in it is taken for a table's edge or for HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
