"""The whole answer about a machine: a headline, the way of its pages, three numbers, findings, and what was not seen."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from controller.inspect.cards import likeness
from controller.inspect.facts import Card, Machine, Store
from controller.inspect.finding import GRADES, Finding
from controller.inspect.look import is_essential, look
from controller.inspect.rules import FAMILIES
from controller.inspect.tree import Tree, Unread
from nodes.errors import LackingError
from nodes.machine.nic import NICS
from nodes.units import PAGE_BYTES

GRAVE = 1
FRAME_BYTES = 1500
"""Of the flood that the numbers speak of: whole frames, at the link's rate (own)."""


class Numbers(Struct, frozen=True, kw_only=True):
    """What stands against what. None: not known."""

    reserve_kib: int | None = None
    """Sum of min over all zones."""
    free_kib: int | None = None
    """Free memory above that."""
    ring_kib: int | None = None
    """What the receive ring of the card to networked storage can hold; the driver's default ring where none was read."""
    link_mbit: int | None = None
    """The card's rate; 1000 where it does not say, as of virtual machines."""
    empty_ms: int | None = None
    """How long junk at that rate, unread, takes to fill the reserve: the time in which a reply must come."""


class Answer(Struct, frozen=True, kw_only=True):
    """What is said of a machine."""

    headline: str
    exit_code: int
    """0 nothing grave, 1 something is, 3 too little could be read to say so."""
    kernel: str
    ways: tuple[str, ...]
    """Of swap, then of file systems: each store down to who keeps it."""
    cards: tuple[Card, ...]
    """Those that lead to networked storage; where there is none, all."""
    numbers: Numbers
    findings: tuple[Finding, ...]
    """The gravest first."""
    unread: tuple[Unread, ...]
    """Files that could not be read; first those without which nothing can be called safe."""


def inspect(tree: Tree) -> Answer:
    """Reads the machine that `tree` shows, and judges it."""
    return judged(look(tree), tree.unread)


def judged(machine: Machine, unread: Sequence[Unread]) -> Answer:
    """`machine` under all rules."""
    found = [finding for family in FAMILIES for finding in family(machine)]
    findings = tuple(sorted(found, key=lambda finding: GRADES.index(finding.grade)))
    blind = [each.path for each in unread if is_essential(each.path)]
    worst = findings[0].grade if findings else "good"
    code = GRAVE if worst == "grave" else LackingError.exit_code if blind or worst == "unknown" else 0
    return Answer(
        headline=_headline(machine, code, findings, blind),
        exit_code=code,
        kernel=machine.release,
        ways=tuple(f"{store.use}: {store.way}" for store in machine.stores),
        cards=cards(machine),
        numbers=numbers(machine),
        findings=findings,
        unread=tuple(sorted(unread, key=lambda each: not is_essential(each.path))),
    )


def numbers(machine: Machine) -> Numbers:
    """The three numbers of the answer's head."""
    memory, card = machine.memory, main_card(machine)
    reserve_kib = memory.min_kib
    free_kib = sum(zone.free for zone in memory.zones) * memory.page_bytes >> 10
    if card is None or not machine.networked:
        return Numbers(
            reserve_kib=reserve_kib, free_kib=max(free_kib - (reserve_kib or 0), 0) if memory.zones else None
        )
    rate = card.speed_mbit or 1000
    # a packet of a whole frame takes 4 KiB with what the kernel writes beside it (physics.md section 12)
    kib_per_ms = rate * 1e6 / 8 / FRAME_BYTES / 1000 * PAGE_BYTES / 1024
    return Numbers(
        reserve_kib=reserve_kib,
        free_kib=max(free_kib - (reserve_kib or 0), 0) if memory.zones else None,
        ring_kib=ring_kib(card),
        link_mbit=rate,
        empty_ms=round(reserve_kib / kib_per_ms) if reserve_kib is not None else None,
    )


def cards(machine: Machine) -> tuple[Card, ...]:
    """Those that lead to networked storage; where there is none, all that have hardware."""
    leading = {card.name: card for store in machine.networked for card in store.cards}
    return tuple(leading.values()) or machine.cards


def main_card(machine: Machine) -> Card | None:
    """The card that most depends on: to networked swap, to networked files, else the first of the machine."""
    ways = [card for store in (*machine.networked, *machine.stores) for card in store.cards]
    return next(iter((*ways, *machine.cards)), None)


def ring_kib(card: Card) -> int | None:
    """What all receive queues can hold; None for a driver that we do not know."""
    known = likeness(card.driver)
    if known is None:
        return None
    model = NICS[known.model]
    slots = (card.ring_slots or model.ring_slots) * (card.queues or 1)
    return slots * max(model.data_bytes, card.mtu or 0) >> 10


def _headline(machine: Machine, code: int, findings: Sequence[Finding], blind: Sequence[str]) -> str:
    kernel = f"kernel {machine.release or 'not known'}"
    if code == GRAVE:
        grave = next(finding for finding in findings if finding.grade == "grave")
        return f"AT RISK: {grave.what}; {kernel}"
    if code:
        hidden = ", ".join(blind[:3]) + (" and more" if len(blind) > 3 else "")
        lacking = f"could not be read: {hidden}" if blind else findings[0].what
        return f"NOT KNOWN: {lacking}; nothing grave was seen in the rest; {kernel}"
    swaps = machine.swaps
    kept = "no swap" if not swaps else "swap: " + ", ".join(_short(store) for store in swaps)
    return f"NOTHING GRAVE SEEN: {kept}; {kernel}"


def _short(store: Store) -> str:
    return f"{store.name} ({store.through.title})"
