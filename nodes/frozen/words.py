"""An autopsy as plain text, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from nodes.eventkinds import Autopsy
from nodes.frozen.counts import words
from nodes.frozen.examine import SEEN
from nodes.frozen.reading import Report


def told(report: Report) -> Iterator[str]:
    """The headline, then all that was found, each with its evidence below it, what is not seen, and what to do."""
    yield report.headline
    yield from _listed("assumed", report.assumed)
    yield from found(report)
    yield from _listed("beside", report.beside)
    if report.evidence:
        yield "lines:"
    for line in report.evidence:
        yield f"  {line.number}: {line.text}"
    yield from _listed("next", report.next)
    yield from _listed("prevent", report.prevent)
    boots = f", {report.boots} boots" if report.boots > 1 else ""
    yield f"read: {report.read.lines} lines{boots}: {words(report.read)}"


def found(autopsy: Autopsy | Report) -> Iterator[str]:
    """What was seen, what a cycle lacks, and what is unknown."""
    for title, sentences in (("seen", autopsy.found), ("not seen", autopsy.missing), ("unknown", autopsy.unknown)):
        yield from _listed(title, sentences)


def _listed(title: str, sentences: tuple[str, ...]) -> Iterator[str]:
    if sentences:
        yield f"{title}:"
    for sentence in sentences:
        text, mark, evidence = sentence.partition(SEEN)
        yield f"  {text.rstrip()}"
        if mark:
            yield f"      {mark}{evidence}"
