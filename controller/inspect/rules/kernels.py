"""Ranges of kernels that are known to be bad for storage over a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from controller.inspect.facts import Machine
from controller.inspect.finding import Finding, Grade

Version = tuple[int, int, int]
PAGE = "reference/physics.md"


class Range(Struct, frozen=True, kw_only=True):
    """From `first` to before `fixed`."""

    name: str
    first: Version
    fixed: Version
    concerns: Callable[[Machine], bool]
    grade: Grade
    why: str
    source: str


def _swaps_over(*transports: str) -> Callable[[Machine], bool]:
    return lambda machine: any(store.use == "swap" and store.transport in transports for store in machine.stores)


def _networked(machine: Machine) -> bool:
    return bool(machine.networked)


def _own_nfs(machine: Machine) -> bool:
    return any(store.transport == "nfs" and store.same_host for store in machine.stores)


RANGES = (
    Range(
        name="no-memalloc", first=(0, 0, 0), fixed=(3, 6, 0), concerns=_networked, grade="grave",
        why="before 3.6 no socket may receive from the reserve: storage waits for memory that only it could free",
        source="Linux 3.6, commit c93bdd0e03e8; physics.md section 9",
    ),
    Range(
        name="nfs-swap", first=(3, 16, 0), fixed=(5, 19, 0), concerns=_swaps_over("nfs"), grade="grave",
        why="swap over NFS was broken for several releases and repaired in 5.18 and 5.19",
        source="Neil Brown, January and February 2022; physics.md section 9",
    ),
    Range(
        name="marked-fragments", first=(3, 6, 0), fixed=(5, 10, 0), concerns=_networked, grade="caution",
        why="after memory was short once, page fragments stay marked and ordinary packets are dropped on and on",
        source="commit d8c19014bba8; physics.md section 3",
    ),
    Range(
        name="nfs-localio", first=(6, 12, 0), fixed=(6, 19, 0), concerns=_own_nfs, grade="caution",
        why="an NFS client that reaches its own server by LOCALIO may deadlock in direct reclaim",
        source="commit 67435d2d8a33 (January 2026; stable series may have it earlier); physics.md section 10 row 13",
    ),
)  # fmt: skip


def judge(machine: Machine) -> Iterator[Finding]:
    """A finding for each range that the kernel is in and that concerns the machine."""
    for known in RANGES:
        if machine.version is not None and known.first <= machine.version < known.fixed and known.concerns(machine):
            fixed = ".".join(map(str, known.fixed[:2]))
            yield Finding(
                rule=f"kernel-{known.name}",
                grade=known.grade,
                what=f"kernel {machine.release}",
                why=known.why,
                do=(f"install a kernel {fixed} or later",),
                page=PAGE,
                source=known.source,
            )
