"""A sweep as phase diagrams: which axes lie across and up, a panel for each value of the others, cells, boundary. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product

from controller.experiment.scenario.axes import Axis
from controller.experiment.verdicts import SURVIVED, VOID, WORST_FIRST, rank
from controller.studies.sweep.model import Plan, Swept, numeric

NONE = Axis(key="", values=(), asked=0)
"""Stands for an axis that the sweep does not have."""
LOG_RATIO = 8.0
"""An axis that spans more is drawn in logarithms, when its steps are more even so (own)."""


@dataclass(frozen=True)
class Scale:
    """Where the values of an axis stand, and where the cells around them end."""

    axis: Axis
    kind: str
    """`log`, `linear`, or `index` for words: they stand at 0, 1, 2, ..."""
    centres: tuple[float, ...]
    edges: tuple[float, ...]
    """One more than there are values."""

    @property
    def labels(self) -> list[str]:
        return [level.label for level in self.axis.values] or [""]


@dataclass(frozen=True)
class Cell:
    """One place of the sweep: what its seeds came to."""

    panel: int
    x: int
    y: int
    rows: tuple[Swept, ...]
    seeds: int
    """How many there will be."""

    @cached_property
    def counts(self) -> Counter[str]:
        """Verdict -> seeds."""
        return Counter(row.verdict for row in self.rows)

    @cached_property
    def survives(self) -> bool | None:
        """Whether more of its seeds live than hang: a tie does not count as survival. None: most of them decide nothing."""
        lives = sum(self.counts[name] for name in SURVIVED)
        unknown = sum(self.counts[name] for name in VOID)
        ends = len(self.rows) - lives - unknown
        if not self.rows or unknown > lives + ends:
            return None
        return lives > ends

    @cached_property
    def verdict(self) -> str:
        """The most frequent verdict on the side that `survives` says; among equals the worst. Empty: not computed yet."""
        sides = {True: SURVIVED, None: VOID, False: frozenset(WORST_FIRST) - SURVIVED - VOID}
        candidates = [name for name in WORST_FIRST if self.counts[name] and name in sides[self.survives]]
        return max(candidates, key=lambda name: self.counts[name], default="")

    @property
    def share(self) -> float:
        """Of its seeds that came to `verdict`."""
        return self.counts[self.verdict] / len(self.rows) if self.rows else 0.0

    @property
    def second(self) -> str:
        """The most frequent of the other verdicts; empty for a cell whose seeds agree."""
        others = [name for name in WORST_FIRST if self.counts[name] and name != self.verdict]
        return max(others, key=lambda name: self.counts[name], default="")

    def told(self) -> str:
        """`2 of 3 healthy, 1 deadlocked`."""
        if not self.rows:
            return "not computed yet"
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], -rank(item[0])))
        if len(ordered) == 1:
            return f"{ordered[0][0]}" if len(self.rows) == 1 else f"all {ordered[0][1]} {ordered[0][0]}"
        first, *rest = ordered
        return ", ".join([f"{first[1]} of {len(self.rows)} {first[0]}", *(f"{count} {name}" for name, count in rest)])


@dataclass(frozen=True)
class Segment:
    """A piece of the boundary, in the scales' units: survivors on one side, others on the other."""

    panel: int
    x: float
    y: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Grid:
    """All panels of a sweep."""

    across: Scale
    up: Scale
    panel_axes: tuple[Axis, ...]
    titles: tuple[str, ...]
    """Of the panels; one empty title for a sweep without further axes."""
    cells: tuple[tuple[tuple[Cell, ...], ...], ...]
    """[panel][y][x]"""

    def all(self) -> Iterator[Cell]:
        """Every cell, panel by panel."""
        return (cell for panel in self.cells for line in panel for cell in line)

    def boundary(self) -> list[Segment]:
        """Edges between neighbours of which one survives and the other does not. What is undecided has none."""
        return [piece for panel in self.cells for line in panel for cell in line for piece in self._edges(panel, cell)]

    def _edges(self, panel: tuple[tuple[Cell, ...], ...], cell: Cell) -> Iterator[Segment]:
        x, y = self.across.edges, self.up.edges
        right = panel[cell.y][cell.x + 1] if cell.x + 1 < len(panel[cell.y]) else None
        above = panel[cell.y + 1][cell.x] if cell.y + 1 < len(panel) else None
        if right and _apart(cell, right):
            yield Segment(cell.panel, x[cell.x + 1], y[cell.y], x[cell.x + 1], y[cell.y + 1])
        if above and _apart(cell, above):
            yield Segment(cell.panel, x[cell.x], y[cell.y + 1], x[cell.x + 1], y[cell.y + 1])

    def where(self, cell: Cell) -> dict[str, str]:
        """Key -> value of both axes at `cell`."""
        pairs = ((self.across, cell.x), (self.up, cell.y))
        return {scale.axis.key: scale.labels[index] for scale, index in pairs if scale.axis.key}


def grid(plan: Plan, rows: Mapping[int, Swept]) -> Grid:
    """The diagram of `plan`, of whatever rows there are. The last quantity lies across, the first one up; words take the
    place of a quantity that is missing, the last of them first; every other axis makes panels."""
    across, up = _chosen(plan)
    others = tuple(i for i in range(len(plan.axes)) if i not in (across, up))
    panels = [*product(*(range(plan.shape[i]) for i in others))]
    cells = []
    for number, fixed in enumerate(panels):
        at = dict(zip(others, fixed, strict=True))
        lines = []
        for y in range(_length(plan, up)):
            places = [_place(plan, at | {across: x, up: y}) for x in range(_length(plan, across))]
            lines.append(tuple(_cell(plan, rows, number, x, y, place) for x, place in enumerate(places)))
        cells.append(tuple(lines))
    axes = tuple(plan.axes[i] for i in others)
    titles = tuple(_title(axes, fixed) for fixed in panels)
    return Grid(scale(_axis(plan, across)), scale(_axis(plan, up)), axes, titles, tuple(cells))


def scale(axis: Axis) -> Scale:
    """How `axis` is drawn."""
    numbers = [level.number for level in axis.values if level.number is not None]
    if not numeric(axis) or len(numbers) < 2:
        count = max(1, len(axis.values))
        return Scale(axis, "index", tuple(map(float, range(count))), tuple(i - 0.5 for i in range(count + 1)))
    if axis.scale == "log" or (axis.scale == "list" and _is_log(numbers)):
        middles = [(a * b) ** 0.5 for a, b in pairwise(numbers)]
        ends = numbers[0] ** 2 / middles[0], numbers[-1] ** 2 / middles[-1]
        return Scale(axis, "log", tuple(numbers), (ends[0], *middles, ends[1]))
    middles = [(a + b) / 2 for a, b in pairwise(numbers)]
    ends = 2 * numbers[0] - middles[0], 2 * numbers[-1] - middles[-1]
    return Scale(axis, "linear", tuple(numbers), (ends[0], *middles, ends[1]))


def _is_log(numbers: list[float]) -> bool:
    if numbers[0] <= 0 or numbers[-1] / numbers[0] < LOG_RATIO:
        return False
    pairs = [*pairwise(numbers)]
    ratios, steps = [b / a for a, b in pairs], [b - a for a, b in pairs]
    return max(ratios) / min(ratios) <= max(steps) / min(steps)


def _chosen(plan: Plan) -> tuple[int, int]:
    """The axes across and up; -1: none."""
    scaled = [i for i, axis in enumerate(plan.axes) if numeric(axis) and len(axis.values) > 1]
    words = [i for i in range(len(plan.axes)) if i not in scaled]
    if len(scaled) >= 2:
        return scaled[-1], scaled[0]
    order = [*scaled, *reversed(words), -1, -1]
    return order[0], order[1]


def _cell(plan: Plan, rows: Mapping[int, Swept], panel: int, x: int, y: int, place: int) -> Cell:
    points = range(place * plan.seeds, (place + 1) * plan.seeds)
    return Cell(panel, x, y, tuple(rows[point] for point in points if point in rows), plan.seeds)


def _place(plan: Plan, levels: Mapping[int, int]) -> int:
    return plan.place_of(tuple(levels[index] for index in range(len(plan.axes))))


def _axis(plan: Plan, index: int) -> Axis:
    return plan.axes[index] if index >= 0 else NONE


def _length(plan: Plan, index: int) -> int:
    return plan.shape[index] if index >= 0 else 1


def _title(axes: tuple[Axis, ...], fixed: tuple[int, ...]) -> str:
    return ", ".join(
        level.label if level.number is None else f"{axis.key} {level.label}"
        for axis, index in zip(axes, fixed, strict=True)
        for level in (axis.values[index],)
    )


def _apart(one: Cell, other: Cell) -> bool:
    return one.survives is not None and other.survives is not None and one.survives is not other.survives
