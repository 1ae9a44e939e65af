"""Two values of an axis laid over each other, usually two policies: where does it matter which one it is? Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from controller.experiment.scenario.axes import Axis
from controller.studies.sweep.grid import Cell, Grid, grid
from controller.studies.sweep.model import Plan, Swept
from nodes.errors import UsageError

Gain = Literal["both", "first", "second", "neither", "unknown"]
"""Who survives; `unknown`: one of them is not decided."""


@dataclass(frozen=True)
class CellChange:
    """One place under both values."""

    panel: int
    x: int
    y: int
    gain: Gain
    before: Cell
    after: Cell

    @property
    def differs(self) -> bool:
        """Whether the verdict is another one."""
        return self.before.verdict != self.after.verdict


@dataclass(frozen=True)
class Difference:
    """`first` against `second`, on the same axes as the diagrams."""

    key: str
    first: str
    second: str
    grid: Grid
    """Of `first`; the cells of `second` lie on the same axes."""
    changes: tuple[CellChange, ...]
    """Every cell, panel by panel."""

    @property
    def differing(self) -> list[CellChange]:
        """Those whose verdict changes, the ones that change survival first."""
        found = [change for change in self.changes if change.differs]
        return sorted(found, key=lambda c: (c.gain not in ("first", "second"), c.panel, c.y, c.x))


def difference(plan: Plan, rows: Mapping[int, Swept], names: str) -> Difference:
    """`names`: two values of one axis, `none,memalloc`. Raises UsageError when there is no such axis."""
    axis, pair = named(plan, names)
    one, other = (_only(plan, rows, axis, level) for level in pair)
    changes = tuple(
        CellChange(a.panel, a.x, a.y, _gain(a, b), a, b) for a, b in zip(one.all(), other.all(), strict=True)
    )
    labels = [axis.values[level].label for level in pair]
    return Difference(axis.key, labels[0], labels[1], one, changes)


def named(plan: Plan, names: str) -> tuple[Axis, tuple[int, int]]:
    """The axis and the indexes of the two values that `names` means. Raises UsageError."""
    first, _, second = (part.strip() for part in names.partition(","))
    for axis in plan.axes:
        spellings = [{level.label, str(level.given)} for level in axis.values]
        found = [next((i for i, known in enumerate(spellings) if name in known), -1) for name in (first, second)]
        if min(found) >= 0 and found[0] != found[1]:
            return axis, (found[0], found[1])
    words = "; ".join(f"{axis.key}: {', '.join(level.label for level in axis.values)}" for axis in plan.axes)
    raise UsageError(f"--diff '{names}': two values of one axis of this sweep are needed, with a comma ({words})")


def _only(plan: Plan, rows: Mapping[int, Swept], axis: Axis, level: int) -> Grid:
    """The diagram of one value of `axis`, as a sweep of the other axes."""
    where = plan.axes.index(axis)
    rest = Plan(plan.scenario, plan.axes[:where] + plan.axes[where + 1 :], plan.seeds)
    kept: dict[int, Swept] = {}
    for index, row in rows.items():
        place, repeat = divmod(index, plan.seeds)
        levels = plan.levels_of(place)
        if levels[where] == level:
            kept[rest.place_of(levels[:where] + levels[where + 1 :]) * plan.seeds + repeat] = row
    return grid(rest, kept)


def _gain(one: Cell, other: Cell) -> Gain:
    if one.survives is None or other.survives is None:
        return "unknown"
    if one.survives is other.survives:
        return "both" if one.survives else "neither"
    return "first" if one.survives else "second"
