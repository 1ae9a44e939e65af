"""What a sweep is made of: the plan (scenario, axes, seeds), its points, and a row of results for each.

Points are counted from 0 through the product of the axes, the last axis fastest, and the seeds within each place: point
`place * seeds + repeat`. A place is one cell of a phase diagram.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from controller.experiment.scenario import Scenario
from controller.experiment.scenario.axes import Axis
from controller.experiment.scenario.model import SEEDS_MAX, seed_after
from controller.experiment.verdicts import VerdictName
from nodes.errors import UsageError

POINTS_MAX = 1_000_000
"""More is a mistake in an axis (own): at a tenth of a second a point it would take a day."""
IDLE = ("name", "about", "expect", "arms", "tier")
"""Keys, with all that is below them, that change nothing about who survives in the simulator."""
LATE = ("floods.", "faults.", "phases.flood", "phases.heal")
"""Keys that mean nothing before the flood: points that differ in these alone share their warmup."""

SweptVerdict = Literal[VerdictName, "invalid"]
"""A verdict, or `invalid`: settings that cannot be run together."""


def numeric(axis: Axis) -> bool:
    """Whether the values of `axis` stand on one scale, and rise."""
    numbers = [value.number for value in axis.values if value.number is not None]
    rising = all(a < b for a, b in pairwise(numbers))
    return len(numbers) == len(axis.values) and rising


class Point(Struct, frozen=True, kw_only=True):
    """One simulation to do."""

    index: int
    changes: Mapping[str, object]
    """For `vary`, the seed among them."""


class Swept(Struct, frozen=True, kw_only=True):
    """What a point came to. The figures are those of the initiator that fared worst; all zero for an invalid point."""

    point: int
    verdict: SweptVerdict
    reason: str
    """One plain sentence."""
    recovery_ns: int | None = None
    """From the end of the flood, or of the fault behind the standstill, to the first page touched again."""
    hang_ns: int = 0
    """The longest time without a touched page, after the first; of a deadlock, as long as it was watched."""
    warmup_pages_per_s: float = 0.0
    flood_pages_per_s: float = 0.0
    heal_pages_per_s: float = 0.0
    reserve_used_pages: int = 0
    free_least_pages: int = 0
    early_drops: int = 0
    rcvbuf_drops: int = 0
    no_buffer_drops: int = 0
    rx_alloc_failures: int = 0
    block_drops: int = 0
    swap_out_pages: int = 0
    swap_in_pages: int = 0


class Broken(Struct, frozen=True, kw_only=True):
    """A point that netreserve itself failed at; it is not recorded, so that the next try computes it again."""

    point: int
    message: str


Chunk = tuple[Point, ...]
"""What one worker does at a time: points that share their warmup stand together."""


@dataclass(frozen=True)
class Plan:
    """A whole sweep. Raises UsageError for axes that name a key twice or make too many points."""

    scenario: Scenario
    axes: tuple[Axis, ...]
    seeds: int = 1
    """Repetitions, with the scenario's seed and the numbers after it."""
    shape: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(len(axis.values) for axis in self.axes))
        keys = [axis.key for axis in self.axes]
        for key in keys:
            if keys.count(key) > 1:
                raise UsageError(f"'{key}' is varied twice: one axis a key")
            if key == "seed":
                raise UsageError("'seed' is not an axis: --seeds N repeats every point with N seeds")
            if key.split(".")[0] in IDLE:
                raise UsageError(f"'{key}' is not an axis: whatever it is, the same is simulated")
        if not 1 <= self.seeds <= SEEDS_MAX:
            raise UsageError(f"{self.seeds} seeds: a number from 1 to {SEEDS_MAX} is needed")
        if self.points > POINTS_MAX:
            raise UsageError(f"these axes make {self.points:,} points: at most {POINTS_MAX:,} can be swept")

    @property
    def places(self) -> int:
        return math.prod(self.shape)

    @property
    def points(self) -> int:
        return self.places * self.seeds

    def levels_of(self, place: int) -> tuple[int, ...]:
        """The index of each axis's level at `place`."""
        found = []
        for length in reversed(self.shape):
            place, index = divmod(place, length)
            found.append(index)
        return tuple(reversed(found))

    def place_of(self, levels: tuple[int, ...]) -> int:
        """The place at these levels."""
        place = 0
        for index, length in zip(levels, self.shape, strict=True):
            place = place * length + index
        return place

    def point(self, index: int) -> Point:
        """Point `index` of `points`."""
        place, repeat = divmod(index, self.seeds)
        changes: dict[str, object] = {
            axis.key: axis.values[level].given for axis, level in zip(self.axes, self.levels_of(place), strict=True)
        }
        return Point(index=index, changes=changes | {"seed": self.seed(repeat)})

    def seed(self, repeat: int) -> int:
        """The seed of repetition `repeat`."""
        return seed_after(self.scenario.seed, repeat)

    @cached_property
    def late(self) -> tuple[bool, ...]:
        """For each axis: whether it changes nothing before the flood."""
        return tuple(axis.key.startswith(LATE) for axis in self.axes)

    def warmup_of(self, index: int) -> tuple[int, ...]:
        """Equal for two points exactly when their warmup is the same one."""
        place, repeat = divmod(index, self.seeds)
        levels = self.levels_of(place)
        return (repeat, *(level for level, late in zip(levels, self.late, strict=True) if not late))
