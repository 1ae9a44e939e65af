"""An autopsy as plain text, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from nodes.frozen.examine import SEEN, Autopsy

_ENDINGS = {"oom": "ended by the OOM killer", "panic": "ended by a panic"}


def headline(autopsy: Autopsy) -> str:
    """What it found, on one line."""
    if autopsy.cycle:
        round_trip = [edge.waiter for edge in autopsy.cycle] + [autopsy.cycle[0].waiter]
        return "deadlock: " + " -> ".join(round_trip)
    if autopsy.ending:
        return _ENDINGS[autopsy.ending]
    if not autopsy.waits and not autopsy.unknown:
        return "no cycle: nobody waits for memory or storage"
    return "no cycle: not everything that one needs is to be seen"


def told(autopsy: Autopsy) -> Iterator[str]:
    """The headline, then all that was found, each with its evidence below it, what a cycle lacks, and what is unknown."""
    yield headline(autopsy)
    for title, sentences in (("seen", autopsy.found), ("not seen", autopsy.missing), ("unknown", autopsy.unknown)):
        if sentences:
            yield f"{title}:"
        for sentence in sentences:
            text, mark, evidence = sentence.partition(SEEN)
            yield f"  {text.rstrip()}"
            if mark:
                yield f"      {mark}{evidence}"
