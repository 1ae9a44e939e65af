"""The wait-for cycle as a picture: where its boxes, arrows and labels stand. Pure geometry; the template draws it.

The waiters stand in a ring, in two rows: clockwise, the upper row from left to right, the lower from right to left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from textwrap import wrap

from nodes.eventkinds import Wait

WIDTH = 860
"""Of a picture with up to three boxes in a row; the page scales a wider one down."""
PITCH = 290
"""Between the middles of two boxes in a longer row."""
BOX_WIDTH = 150
BOX_HEIGHT = 44
ROW_GAP = 88
MARGIN = 10
LINE = 15
"""Height of a line of text."""
CHAR = 6.6
"""Width of an average letter of the labels, for wrapping (own)."""
ASIDE = 10
"""How far two opposite arrows between the same boxes keep from their middle line."""
BESIDE = 28
"""Room above and below a single row, for the labels of such a pair."""


@dataclass(frozen=True)
class Text:
    """A line of text, centred on x, y its baseline."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Box:
    """One who waits: a rectangle (px, from the top left corner) with its lines of text."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[Text, ...]


@dataclass(frozen=True)
class Arrow:
    """A wait: a path from the waiter to the one who can end it, labelled with what is missing."""

    path: str
    resource: tuple[Text, ...]
    counts: Text
    hint: str
    plate_width: float = 0.0
    """Of the ground behind a label that stands on its line; 0 where it stands beside it."""


@dataclass(frozen=True)
class Picture:
    """A drawn cycle, `width` x `height` px; the template turns it into SVG."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    description: str
    """The whole picture in one sentence, for who cannot see it."""


def draw(edges: Sequence[Wait]) -> Picture | None:
    """The picture of `edges`; None when there are none."""
    if not edges:
        return None
    names = list(dict.fromkeys([*(edge.waiter for edge in edges), *(edge.who_frees for edge in edges)]))
    columns = _columns(len(names))
    width = WIDTH if columns <= 3 else PITCH * columns
    places = _places(len(names), columns, width)
    boxes = {name: _box(name, *places[i]) for i, name in enumerate(names)}
    pairs = {(edge.waiter, edge.who_frees) for edge in edges}
    arrows = [_arrow(edge, boxes, twin=(edge.who_frees, edge.waiter) in pairs) for edge in edges]
    rows = 1 if len(names) <= 2 else 2
    height = 2 * MARGIN + rows * BOX_HEIGHT + (rows - 1) * ROW_GAP + (2 * BESIDE if rows == 1 else 0)
    return Picture(width, height, tuple(boxes.values()), tuple(arrows), describe(edges))


def describe(edges: Sequence[Wait]) -> str:
    """The waits one after another, as a sentence."""
    return "; ".join(
        f"{e.waiter} waits for {e.resource} from {e.who_frees} (needs {e.need:,}, has {e.have:,})" for e in edges
    )


def _columns(count: int) -> int:
    return count if count <= 2 else -(-count // 2)


def _places(count: int, columns: int, width: int) -> list[tuple[float, float]]:
    """Centres of `count` boxes, clockwise; a lower row that is one short stands in the gaps of the upper."""
    left, top = MARGIN + BOX_WIDTH / 2, MARGIN + BOX_HEIGHT / 2 + (BESIDE if count <= 2 else 0)
    pitch = (width - 2 * left) / max(1, columns - 1)
    upper = [(left + i * pitch if columns > 1 else width / 2, top) for i in range(columns)]
    shift = pitch / 2 if count - columns < columns else 0
    lower = [(left + i * pitch + shift, top + BOX_HEIGHT + ROW_GAP) for i in range(count - columns)]
    return upper + lower[::-1]


def _box(name: str, x: float, y: float) -> Box:
    lines = wrap(name, int(BOX_WIDTH / 7.4)) or [name]
    first = y + 4.5 - (len(lines) - 1) * LINE / 2
    texts = tuple(Text(x, first + i * LINE, line) for i, line in enumerate(lines))
    return Box(x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2, BOX_WIDTH, BOX_HEIGHT, texts)


def _arrow(edge: Wait, boxes: dict[str, Box], *, twin: bool) -> Arrow:
    counts = f"needs {edge.need:,}, has {edge.have:,}"
    hint = f"{edge.why} ({edge.source})" if edge.source else edge.why
    if edge.waiter == edge.who_frees:
        return _loop(edge.resource, counts, hint, boxes[edge.waiter])
    (x1, y1), (x2, y2) = _ends(boxes[edge.waiter], boxes[edge.who_frees], ASIDE if twin else 0)
    flat = abs(y2 - y1) < 1
    lines = wrap(edge.resource, max(10, int((abs(x2 - x1) - 12) / CHAR)) if flat else 21) or [edge.resource]
    x, first, last = (x1 + x2) / 2, *_baselines((y1 + y2) / 2, len(lines), flat, twin, rightward=x2 > x1)
    resource = tuple(Text(x, first + i * LINE, line) for i, line in enumerate(lines))
    plate = 0.0 if flat else max(len(line) for line in [*lines, counts]) * CHAR + 14
    return Arrow(f"M{x1:.1f} {y1:.1f} L{x2:.1f} {y2:.1f}", resource, Text(x, last, counts), hint, plate)


def _baselines(y: float, lines: int, flat: bool, twin: bool, rightward: bool) -> tuple[float, float]:
    """Of the first line of the resource and of the counts, for an arrow whose middle is at height `y`: on a steep arrow;
    on both sides of a flat one; or, where it has a twin, on its outer side."""
    if not flat:
        return y - 1 - (lines - 1) * LINE, y + LINE - 1
    if not twin:
        return y - 7 - (lines - 1) * LINE, y + 17
    return (y + 17, y + 17 + lines * LINE) if rightward else (y - 7 - lines * LINE, y - 7)


def _loop(resource: str, counts: str, hint: str, box: Box) -> Arrow:
    right, middle = box.x + box.width, box.y + box.height / 2
    path = f"M{right:.1f} {middle - 12:.1f} C{right + 90:.1f} {middle - 50:.1f} {right + 90:.1f} {middle + 50:.1f} {right + 6:.1f} {middle + 12:.1f}"  # noqa: E501
    x = right + 160
    return Arrow(path, (Text(x, middle - 3, resource),), Text(x, middle + 13, counts), hint)


def _ends(start: Box, end: Box, aside: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the line between the middles leaves `start` and meets `end`, moved `aside` to its right."""
    x1, y1 = start.x + start.width / 2, start.y + start.height / 2
    x2, y2 = end.x + end.width / 2, end.y + end.height / 2
    length = hypot(x2 - x1, y2 - y1)
    dx, dy = (x2 - x1) / length, (y2 - y1) / length
    reach1, reach2 = _reach(start, dx, dy), _reach(end, dx, dy) + 6  # room for the arrow's tip
    side_x, side_y = -dy * aside, dx * aside
    return (x1 + dx * reach1 + side_x, y1 + dy * reach1 + side_y), (
        x2 - dx * reach2 + side_x,
        y2 - dy * reach2 + side_y,
    )


def _reach(box: Box, dx: float, dy: float) -> float:
    """From the middle of `box` to its border in direction dx, dy."""
    across = box.width / 2 / abs(dx) if dx else float("inf")
    down = box.height / 2 / abs(dy) if dy else float("inf")
    return min(across, down)
