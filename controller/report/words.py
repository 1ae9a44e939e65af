"""The report's words: what a whole run is called, and the glossary for a reader who is new."""

from __future__ import annotations

from controller.experiment import rescue
from controller.experiment.exitcodes import EXIT_MET, EXIT_NOT_MET
from controller.experiment.record import Result
from controller.experiment.verdicts import VERDICTS, Look

REVIVED = Look(
    word=rescue.REVIVED, sign="✓", tone="good", meaning="Every machine that stood still went on after what was tried."
)
NOT_REVIVED = Look(
    word=rescue.NOT_REVIVED, sign="✕", tone="bad", meaning="A machine went on standing still, whatever was tried."
)


def look_of(result: Result) -> Look:
    """How the whole run is shown: by its verdict, or, since a rescue by hand judges nobody, by what became of it, as its
    sentence and its exit code say it."""
    fates = {EXIT_MET: REVIVED, EXIT_NOT_MET: NOT_REVIVED} if rescue.by_hand(result) else {}
    return fates.get(result.exit_code) or VERDICTS[result.verdict]


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
