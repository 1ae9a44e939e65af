"""The card that leads to networked storage: what our matrix of real kernels says of its driver, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator

from controller.inspect import measured
from controller.inspect.cards import Likeness, likeness
from controller.inspect.facts import Card, Machine, Store
from controller.inspect.finding import Finding, Grade

NICS_PAGE = "reference/nics.md"
MTU_MEASURED = 1500
FIXED_IN = (6, 19)
"""virtio_net without its refill worker (commits 1e7b90aa7988 and others of January 2026): physics.md section 4."""


def judge(machine: Machine) -> Iterator[Finding]:
    """A finding for each kind of card on the way to networked storage; those of swap are grave."""
    told: set[str] = set()
    for store in machine.networked:  # swap first: what is said of it need not be said of files again
        if not store.cards and "" not in told:
            told.add("")
            yield _not_known(store)
        for card in store.cards:
            if card.driver not in told:
                told.add(card.driver)
                yield _of(machine, store, card)
                yield from _jumbo(store, card)
                yield from _offloads(store, card)


def _of(machine: Machine, store: Store, card: Card) -> Finding:
    known = likeness(card.driver)
    if known is None:
        return Finding(
            rule="card-not-known",
            grade=_grade(store),
            what=f"{card.name}: nothing is known of how driver '{card.driver or '?'}' gets memory",
            why="every card that we measured hung under some flood: one that was not measured is not safe for that",
            do=("netreserve inspect --answer",),
            page=NICS_PAGE,
            source="no measurement",
        )
    cell = measured.CELLS.get((known.model, store.through.flag == "yes"))
    if known.same and cell is not None:
        return _measured(machine, store, card, known, cell)
    return Finding(
        rule="card-not-measured",
        grade=_grade(store),
        what=f"{card.name} ({card.driver}{', USB' if card.usb else ''}): no measurement; nearest model: {known.model}",
        why=f"{known.rule}: inferred from the driver's code, not measured",
        do=("netreserve inspect --answer",),
        page=NICS_PAGE,
        source=known.source,
        tier="sim",
    )


def _measured(machine: Machine, store: Store, card: Card, known: Likeness, cell: measured.Cell) -> Finding:
    flag = "SOCK_MEMALLOC set" if store.through.flag == "yes" else "SOCK_MEMALLOC not set"
    newer = card.driver == "virtio_net" and machine.version is not None and machine.version[:2] >= FIXED_IN
    later = (
        "; this kernel no longer has virtio_net's refill worker, which was in most of those hangs: 7.3, without it, hung in"
        " other ways"
        if newer
        else ""
    )
    return Finding(
        rule="card-hangs" if cell.hung or cell.killed else "card-lived",
        grade=_grade(store),
        what=f"{card.name} ({card.driver}): swapping over NBD with {flag} {cell.told}",
        why=f"{known.rule}; measured on emulated cards, kernels 6.1 to 7.3, guests of 128 MiB, few trials{later}",
        do=("put storage on a card of its own that strangers cannot reach", "netreserve inspect --answer"),
        page=measured.PAGE,
        source="our measurement",
        tier="kernel",
    )


def _grade(store: Store) -> Grade:
    """Swap needs the card to free any page; a file system's dirty pages are a part of memory."""
    return "grave" if store.use == "swap" else "caution"


def _jumbo(store: Store, card: Card) -> Iterator[Finding]:
    if card.mtu is not None and card.mtu > MTU_MEASURED:
        yield Finding(
            rule="card-jumbo",
            grade="caution",
            what=f"{card.name}: MTU {card.mtu}",
            why="larger frames need more memory at a time, and Intel's drivers then take plain pages, down to 3/8 of min",
            do=(f"ip link set {card.name} mtu {MTU_MEASURED}",),
            page=NICS_PAGE,
            source="physics.md section 4 (e1000, e1000e)",
        )


def _offloads(store: Store, card: Card) -> Iterator[Finding]:
    if card.offloads.get("lro"):
        yield Finding(
            rule="card-lro",
            grade="caution" if store.use == "swap" else "note",
            what=f"{card.name}: large receive offload is on",
            why="a packet then has up to 64 KiB in many pages; when one of them cannot be had all of it is thrown away (read"
            " in vmxnet3; of other drivers it is inferred)",
            do=(f"ethtool -K {card.name} lro off",),
            page=NICS_PAGE,
            source="drivers/net/vmxnet3/vmxnet3_drv.c vmxnet3_rq_rx_complete",
        )
    if card.offloads.get("gro") is False:
        yield Finding(
            rule="card-no-gro",
            grade="note",
            what=f"{card.name}: generic receive offload is off",
            why="each segment of a stream that nobody reads then keeps a packet head of its own; GRO frees all but one",
            do=(f"ethtool -K {card.name} gro on",),
            page=NICS_PAGE,
            source="net/core/gro.c skb_gro_receive",
        )


def _not_known(store: Store) -> Finding:
    return Finding(
        rule="card-not-seen",
        grade=_grade(store),
        what=f"the card that leads to {store.name}'s server is not known",
        why="neither the server's address nor a single card with hardware was found, so that no measurement applies",
        do=("name the server in /etc/nbdtab or run as root", "netreserve inspect --collector"),
        page=NICS_PAGE,
        source="/proc/net/route and /sys/class/net",
    )
