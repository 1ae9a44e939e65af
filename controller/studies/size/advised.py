"""From the smallest reserve that a simulation is content with to a setting that a person may follow.

The model is content with very little: its machine holds nothing but packets and one application. A real kernel has more
that takes from the reserve, so no advice goes below what Linux itself asks for (`nodes.machine.minfree`). What is advised is
put to the same test as the smallest: more reserve is not always better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from controller.studies.size.search import Found, Level, Search, how
from controller.studies.size.sequential import SequentialTest
from nodes.machine.minfree import DOCUMENTED_KIB, default_kib, huge_pages_kib, x86_zones
from nodes.units import PAGE_BYTES

Decider = Literal["simulation", "kernel default", "transparent huge pages", "documentation"]
_KIB_PER_PAGE = PAGE_BYTES >> 10


class Bound(Struct, frozen=True, kw_only=True):
    """Below this no advice goes."""

    name: Decider
    kib: int
    why: str


class Advice(Struct, frozen=True, kw_only=True):
    """A setting and how much it is worth; every text is without a full stop."""

    min_free_kib: int | None
    """None: no setting that Linux allows will do."""
    command: str
    """As a shell takes it; empty without a setting."""
    decided_by: Decider | None
    why: str
    """Of what decided, or why there is no setting."""
    certainty: str
    """What was tried at that size, what was seen, and what follows; empty without a setting."""
    failures: str
    """Of how many runs there an allocation in reception failed; empty where nothing was tried."""
    known: bool
    """False: nothing can be said, for runs were inconclusive."""
    bounds: tuple[Bound, ...]
    """Largest first, the simulation's own among them where it has an answer."""


def asked_of(
    memory_kib: int, *, low_kib: int | None = None, zones: int | None = None, huge_pages: bool = True
) -> tuple[Bound, ...]:
    """What Linux asks of a machine of `memory_kib`, the largest first. Where nothing is known of its zones all of it counts
    as low memory, in as many zones as x86-64 has. `huge_pages`: transparent huge pages are not off."""
    low_kib = memory_kib if low_kib is None else low_kib
    zones = x86_zones(memory_kib) if zones is None else zones
    found = [
        Bound(
            name="kernel default",
            kib=default_kib(low_kib),
            why="so much the kernel itself chooses at boot (calculate_min_free_kbytes)",
        ),
        Bound(
            name="documentation",
            kib=DOCUMENTED_KIB,
            why="with less a system is subtly broken, and prone to deadlock under load (the kernel's sysctl/vm.rst)",
        ),
    ]
    if huge_pages:
        why = "to so much the kernel raises it unless transparent huge pages are off (set_recommended_min_free_kbytes)"
        found.append(Bound(name="transparent huge pages", kib=huge_pages_kib(low_kib, zones), why=why))
    return _sorted(found)


def advise(search: Search, found: Found, test: SequentialTest, *, most_pages: int, asked: Sequence[Bound]) -> Advice:
    """What `found`, the search's answer over all sizes up to `most_pages`, comes to where less than `asked` will not do."""
    if found.survives is None:
        return _none("no size of the reserve will do in the simulation", asked, search.levels)
    own = Bound(name="simulation", kib=_kib(found.survives), why="the smallest that will do in the simulation")
    floors = _sorted([own, *asked])
    least = floors[0]
    least_pages = -(-least.kib // _KIB_PER_PAGE)
    if least_pages > most_pages:
        why = f"{least.why}; the scenario's memory has no room for so much, so that nothing was simulated there"
        return _setting(least.kib, least.name, why, floors, "it was not tried", "")
    level: Level | None = found.survives
    if least is not own:
        level = search.smallest(least_pages, most_pages).survives
    if level is None:
        refused = [each for each in search.levels if each.pages >= least_pages and each.worst]
        worst = refused[0].worst
        assert worst is not None
        why = f"nothing from {least.kib} KiB on will do in the simulation: {how(worst)}; but {least.why}"
        return _none(why, floors, refused)
    if least is own or level.pages == least_pages:
        return _setting(least.kib, least.name, least.why, floors, certainty(level, test), failures(level))
    why = (
        f"{least.kib} KiB, the least that Linux asks for, will not do in the simulation, and this is the next that will"
    )
    return _setting(_kib(level), "simulation", why, floors, certainty(level, test), failures(level))


def certainty(level: Level, test: SequentialTest) -> str:
    """What a level's runs say, in words."""
    good, runs = level.met, len(level.trials)
    what = "survived" if level.goal == "survival" else "survived without a failed allocation"
    return (
        f"{good} of {runs} simulated runs with different seeds {what}; from that follows, with at most one error in"
        f" {1 / (1 - test.confidence):.0f}, that more than {test.survive:.3g} of such runs do; what the model leaves out"
        " is not in this figure"
    )


def failures(level: Level) -> str:
    """How many runs had failed allocations in reception."""
    counts = [trial.alloc_failures for trial in level.trials if trial.alloc_failures]
    if not counts:
        return f"in none of {len(level.trials)} runs"
    return (
        f"in {len(counts)} of {len(level.trials)} runs, at most {max(counts)} in one; --goal no-failures asks for none"
    )


def _setting(kib: int, decided_by: Decider, why: str, floors: tuple[Bound, ...], sure: str, failed: str) -> Advice:
    return Advice(
        min_free_kib=kib,
        command=f"sysctl -w vm.min_free_kbytes={kib}",
        decided_by=decided_by,
        why=why,
        certainty=sure,
        failures=failed,
        known=True,
        bounds=floors,
    )


def _none(why: str, floors: Sequence[Bound], levels: Sequence[Level]) -> Advice:
    """No setting: none of `levels` will do, or nothing is known of one of them."""
    unknown = next((level.worst for level in levels if level.open and level.worst is not None), None)
    if unknown is not None:
        why = f"nothing is known: {how(unknown)}; a longer warmup in the scenario may help"
    return Advice(
        min_free_kib=None,
        command="",
        decided_by=None,
        why=why,
        certainty="",
        failures="",
        known=unknown is None,
        bounds=tuple(floors),
    )


def _sorted(found: Sequence[Bound]) -> tuple[Bound, ...]:
    """Largest first; of equals the first."""
    return tuple(sorted(found, key=lambda bound: -bound.kib))


def _kib(level: Level) -> int:
    return level.pages * _KIB_PER_PAGE
