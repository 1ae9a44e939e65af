"""Phase diagrams and differences as Vega-Lite specifications: cells by colour and sign, the boundary drawn over them.

A cell whose seeds disagree is paler the smaller the majority, and carries a square in the colour of the runner-up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from controller.experiment.verdicts import VERDICTS
from controller.report.charts import DRESS, INK, Spec, View
from controller.report.swatches import GAINS
from controller.studies.sweep.difference import Difference
from controller.studies.sweep.grid import Cell, Grid, Scale, Segment
from nodes.units import SECOND_NS, format_ns

PANEL_WIDTH, CELL_MOST, CELL_LEAST = 260, 46, 9
"""Pixels: a panel is about so wide; its cells are no larger and no smaller."""
SIGN_LEAST = 11
"""Pixels of a cell below which its sign would be unreadable."""
PANELS_MAX = 36
"""More are not drawn: the table has them all."""
COLUMNS = 4
SIGN_FONT = "DejaVu Sans, system-ui, sans-serif"
"""Has all signs in one hand; the default font borrows each from another."""
LABEL_WIDTH = 64
"""Pixels for a value across; where there is less, it is slanted."""
_TICKS = 6
_LINE = "#10141c"

Datum = dict[str, Any]


def spec(grid: Grid, title: str) -> Spec:
    """The diagram: a panel for each of the grid's, on common axes."""
    shown = {cell.verdict for cell in grid.all() if cell.verdict}
    order = [name for name in VERDICTS if name in shown] or ["healthy"]  # a legend of nothing has no size
    colours = {name: VERDICTS[name].colour for name in order}
    legend = {name: VERDICTS[name].label for name in order}
    rows = [_cell_row(grid, cell) for cell in grid.all() if cell.panel < PANELS_MAX]
    pieces = [_piece_row(piece) for piece in grid.boundary() if piece.panel < PANELS_MAX]
    tooltips = [*_where(grid), *_told("told", "took", "hang", "reason")]
    return _drawn(grid, rows, pieces, colours, legend, tooltips, title)


def difference_spec(found: Difference, title: str) -> Spec:
    """Who survives where; a dot marks a cell whose verdict changes while survival does not."""
    words = gain_words(found)
    legend: dict[str, str] = {gain: f"{GAINS[gain][2]} {words[gain]}" for gain in GAINS}
    used = {change.gain for change in found.changes}
    colours: dict[str, str] = {gain: look[0] for gain, look in GAINS.items() if gain in used}
    rows = [_change_row(found, index) for index, c in enumerate(found.changes) if c.panel < PANELS_MAX]
    tooltips = [*_where(found.grid), *_told("before", "after")]
    return _drawn(found.grid, rows, [], colours, {g: legend[g] for g in colours}, tooltips, title)


def gain_words(found: Difference) -> dict[str, str]:
    """What each colour of a difference means."""
    return {
        "both": "both survive",
        "first": f"only {found.first} survives",
        "second": f"only {found.second} survives",
        "neither": "neither survives",
        "unknown": "not decided",
    }


def _drawn(
    grid: Grid,
    rows: list[Datum],
    pieces: list[Datum],
    colours: Mapping[str, str],
    legend: Mapping[str, str],
    tooltips: Sequence[alt.Tooltip],
    title: str,
) -> Spec:
    width, height = _length(grid.across), _length(grid.up)
    sides = len(grid.across.centres), len(grid.up.centres)
    cell = min(width / sides[0], height / sides[1])
    panels = [
        _panel(grid, number, cell, colours, legend, tooltips, width, height)
        for number in range(min(len(grid.titles), PANELS_MAX))
    ]
    columns = max(1, min(COLUMNS, len(panels), (COLUMNS * PANEL_WIDTH) // width or 1))
    chart = alt.concat(*panels, columns=columns, spacing=18, config=DRESS)
    made: Spec = chart.to_dict()
    made |= {"title": {"text": title, "fontSize": 14, "offset": 10}, "datasets": {"cells": rows, "boundary": pieces}}
    return made


def _panel(
    grid: Grid,
    number: int,
    cell: float,
    colours: Mapping[str, str],
    legend: Mapping[str, str],
    tooltips: Sequence[alt.Tooltip],
    width: int,
    height: int,
) -> View:
    own = f"datum.panel == {number}"
    x, y = _axis(alt.X, "x0:Q", grid.across), _axis(alt.Y, "y0:Q", grid.up)
    base: View = alt.Chart(alt.NamedData("cells")).transform_filter(own)
    names = alt.Legend(
        title=None,
        orient="bottom",
        direction="horizontal",
        labelExpr=_lookup(legend),
        symbolType="square",
        labelFont=SIGN_FONT,
        symbolSize=180,
    )
    fill = alt.Color("kind:N", scale=alt.Scale(domain=[*colours], range=[*colours.values()]), legend=names)
    areas = base.mark_rect(stroke=None).encode(
        x=x, x2="x1:Q", y=y, y2="y1:Q", color=fill, opacity=alt.Opacity("strength:Q", scale=None), tooltip=[*tooltips]
    )
    layers = [areas, _runners_up(base, grid, cell)]
    if cell >= SIGN_LEAST:
        layers.append(_signs(base, grid, cell))
    edges: View = alt.Chart(alt.NamedData("boundary")).transform_filter(own)
    layers.append(_under(edges, grid).mark_rule(color="white", strokeWidth=4.5, strokeCap="round"))
    layers.append(_under(edges, grid).mark_rule(color=_LINE, strokeWidth=2.2, strokeCap="round"))
    title = grid.titles[number] or alt.Undefined
    return alt.layer(*layers, width=width, height=height, title=title)


def _under(edges: View, grid: Grid) -> View:
    return edges.encode(x=_axis(alt.X, "x0:Q", grid.across), x2="x1:Q", y=_axis(alt.Y, "y0:Q", grid.up), y2="y1:Q")


def _runners_up(base: View, grid: Grid, cell: float) -> View:
    """A square in the lower right of a mixed cell, in the colour of the second verdict."""
    marked = base.transform_filter("datum.second != ''").mark_point(
        shape="square", filled=True, opacity=1, stroke="white", strokeWidth=0.7, size=max(9.0, (cell * 0.34) ** 2),
        xOffset=cell * 0.25, yOffset=cell * 0.25,
    )  # fmt: skip
    return marked.encode(
        x=_axis(alt.X, "x:Q", grid.across), y=_axis(alt.Y, "y:Q", grid.up), fill=alt.Fill("second:N", scale=None)
    )


def _signs(base: View, grid: Grid, cell: float) -> View:
    written = base.mark_text(fontSize=min(15.0, cell * 0.62), baseline="middle", font=SIGN_FONT)
    return written.encode(
        x=_axis(alt.X, "x:Q", grid.across), y=_axis(alt.Y, "y:Q", grid.up), text="sign:N",
        color=alt.Color("ink:N", scale=None),
    )  # fmt: skip


def _axis(channel: Any, field: str, scale: Scale) -> Any:
    """A position on `scale`, with a few of its values as ticks, in the scenario's units."""
    ticks = _thinned(len(scale.centres), len(scale.centres) if scale.kind == "index" else _TICKS)
    labels = {_number(scale.centres[i]): scale.labels[i] for i in ticks}
    axis = alt.Axis(
        values=[scale.centres[i] for i in ticks],
        labelExpr=f"{json.dumps(labels)}[datum.value]",
        title=scale.axis.key or None,
        grid=False,
        labelOverlap=scale.kind != "index",
        labelAngle=-35 if channel is alt.X and _length(scale) < LABEL_WIDTH * len(ticks) else 0,
        labels=bool(scale.axis.key),
        ticks=bool(scale.axis.key),
    )
    domain = [scale.edges[0], scale.edges[-1]]
    return channel(
        field,
        axis=axis,
        scale=alt.Scale(
            type="log" if scale.kind == "log" else "linear",
            domain=domain,
            nice=False,
            zero=False if scale.kind != "log" else alt.Undefined,
            reverse=channel is alt.Y and scale.kind == "index",
        ),
    )


def _thinned(count: int, most: int) -> list[int]:
    """At most `most` of `count` indexes, evenly, the first and the last among them."""
    kept = min(count, most)
    return [round(i * (count - 1) / (kept - 1)) for i in range(kept)] if kept > 1 else [0]


def _number(value: float) -> str:
    """As JavaScript writes it, which looks labels up by it."""
    return str(int(value)) if value == int(value) else repr(value)


def _length(scale: Scale) -> int:
    """Of a panel along `scale`, pixels."""
    count = len(scale.centres)
    return round(count * min(CELL_MOST, max(CELL_LEAST, PANEL_WIDTH / count)))


def _cell_row(grid: Grid, cell: Cell) -> Datum:
    swatch, second = VERDICTS.get(cell.verdict), VERDICTS.get(cell.second)
    worst = next((row for row in cell.rows if row.verdict == cell.verdict), None)
    recovery = [row.recovery_ns for row in cell.rows if row.recovery_ns is not None]
    return _place(grid, cell) | {
        "kind": cell.verdict or None,
        "strength": 1 if cell.share == 1 else round(0.35 + 0.5 * cell.share, 3) if cell.rows else 0,
        "second": second.colour if second else "",
        "sign": swatch.sign if swatch else "",
        "ink": swatch.ink if swatch else INK,
        "told": cell.told() if len(cell.rows) in (0, cell.seeds) else f"{cell.told()} ({cell.seeds} seeds asked)",
        "took": format_ns(max(recovery)) if recovery else "–",
        "hang": f"{max((row.hang_ns for row in cell.rows), default=0) / SECOND_NS:.1f} s",
        "reason": worst.reason if worst else "",
    }


def _change_row(found: Difference, index: int) -> Datum:
    change = found.changes[index]
    _, ink, sign = GAINS[change.gain]
    moved = change.differs and change.gain in ("both", "neither")
    return _place(found.grid, change.before) | {
        "kind": change.gain,
        "strength": 1,
        "second": VERDICTS[change.after.verdict].colour if moved and change.after.verdict else "",
        "sign": sign,
        "ink": ink,
        "before": f"{found.first}: {change.before.told()}",
        "after": f"{found.second}: {change.after.told()}",
    }


def _place(grid: Grid, cell: Cell) -> Datum:
    across, up = grid.across, grid.up
    return {
        "panel": cell.panel,
        "x": across.centres[cell.x], "x0": across.edges[cell.x], "x1": across.edges[cell.x + 1],
        "y": up.centres[cell.y], "y0": up.edges[cell.y], "y1": up.edges[cell.y + 1],
        "across": across.labels[cell.x], "up": up.labels[cell.y], "title": grid.titles[cell.panel],
    }  # fmt: skip


def _piece_row(piece: Segment) -> Datum:
    return {"panel": piece.panel, "x0": piece.x, "x1": piece.x2, "y0": piece.y, "y1": piece.y2}


def _where(grid: Grid) -> list[alt.Tooltip]:
    titles = [("title", " · ".join(axis.key for axis in grid.panel_axes)), ("across", grid.across.axis.key)]
    return [alt.Tooltip(f"{field}:N", title=key) for field, key in (*titles, ("up", grid.up.axis.key)) if key]


_NAMES = {
    "told": "verdict", "took": "came back after", "hang": "longest standstill", "reason": "why",
    "before": "first", "after": "second",
}  # fmt: skip


def _told(*fields: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{field}:N", title=_NAMES[field]) for field in fields]


def _lookup(labels: Mapping[str, str]) -> str:
    return f"{json.dumps(labels)}[datum.label]"
