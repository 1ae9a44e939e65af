"""The report's words: what each verdict is called, looks like and means, and the glossary for a reader who is new."""

from __future__ import annotations

from dataclasses import dataclass

from controller.record import Result, VerdictName
from controller.rescue import RESCUE


@dataclass(frozen=True)
class Look:
    """How a verdict is shown: a word, a sign and a tone, so that colour never stands alone."""

    word: str
    sign: str
    tone: str
    """CSS class: `good`, `fair`, `bad` or `unknown`."""
    meaning: str


LOOKS: dict[VerdictName, Look] = {
    "healthy": Look("Healthy", "✓", "good", "It kept at least half of its warmup rate during the flood."),
    "slow": Look("Slow", "≈", "fair", "It kept going or came back, at less than half of its warmup rate."),
    "starved": Look("Starved", "!", "bad", "It made no progress in the flood, and went on after the flood ended."),
    "deadlocked": Look(
        "Deadlocked",
        "✕",
        "bad",
        "It made no progress, and still none after the flood had ended and every legitimate wait had passed.",
    ),
    "oom": Look("Out of memory", "✕", "bad", "Something was killed to get memory back."),
    "panicked": Look("Panicked", "✕", "bad", "The kernel gave up."),
    "inconclusive": Look(
        "Inconclusive",
        "?",
        "unknown",
        "The run proves nothing: its conditions were not reached, or a part of it failed.",
    ),
}

REVIVED = Look("Revived", "✓", "good", "Every machine that stood still went on after what was tried.")
NOT_REVIVED = Look("Not revived", "✕", "bad", "A machine went on standing still, whatever was tried.")


def look_of(result: Result) -> Look:
    """How the whole run is shown: by its verdict, or, since a rescue by hand judges nobody, by what became of it."""
    tried = [node.rescues for node in result.nodes if node.rescues]
    if result.kind != "adhoc" or result.scenario != RESCUE or not tried:
        return LOOKS[result.verdict]
    return REVIVED if all(rescues[-1].revived for rescues in tried) else NOT_REVIVED


GLOSSARY: tuple[tuple[str, str], ...] = (
    ("initiator", "The machine under test: it swaps its memory out over the network."),
    ("target", "The storage server that keeps the swapped pages."),
    ("junk", "Network traffic that has nothing to do with the swapping."),
    ("page", "4096 bytes of memory, the unit in which it is handed out."),
    (
        "min, low, high",
        "Marks on the number of free pages. Below low the machine frees pages until high is reached again; "
        "below min ordinary requests for memory wait.",
    ),
    ("reserve", "The free pages below min, kept for work that must not wait. A policy says who may use it."),
    ("3/8 of min", "How deep a network card's driver may go, without special rights, to put new receive buffers up."),
    ("ring", "The row of receive buffers a network card fills. When it is empty every packet is lost, replies too."),
    ("early drop", "A packet that was received into reserve memory and dropped as soon as it proved to be junk."),
    ("full socket", "A packet dropped because its socket already held as much as it may (rcvbuf)."),
    ("refill failure", "The driver asked for a receive buffer and got no memory."),
    ("kswapd", "The part of the kernel that frees pages in the background, by writing them to the target."),
    ("ring refill", "Putting a new receive buffer into the ring after a packet took the old one."),
    ("in flight", "Reads and writes sent to the target and not yet answered."),
    ("progress", "Pages the application could touch: the only sign of life that counts."),
    ("wait-for cycle", "A chain of waits that ends where it began: nobody in it can be the first to go on."),
    ("warmup, flood, heal", "The three phases: memory runs short; junk comes; junk has stopped."),
    ("rescue", "What was tried on a machine that still stood still; it changes no verdict."),
    (
        "tier",
        "What carried the run out: sim (a model in virtual time), container "
        "(the model with real packets and storage) or kernel (a real Linux kernel).",
    ),
    ("intact", "Every page that came back held what had been written to it."),
)
