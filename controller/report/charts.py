"""The timeline as a Vega-Lite specification and as a PNG. The only importer of vl-convert.

Three panels share the axis of seconds: memory, drops per second, I/O. Axes and text are drawn in `currentColor`, so that
the page's own colours (light, dark, print) reach into the charts; the lines' colours are readable on both grounds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import altair as alt
import vl_convert

from controller.report.smallpng import small
from controller.report.text_cache import kept
from controller.report.timeline import Timeline

WIDTH = 740
"""Of a panel's inside, pixels, before the page stretches it."""
MARKER_ROW = 15
_BETWEEN = 46
"""Between two panels: room for the title and the legend."""
_AXIS = 46
"""Width kept for the labels of a vertical axis, so that the panels stand exactly below each other."""

Spec = dict[str, Any]
View = Any
"""A chart of any kind: Altair's methods promise wider types than they take."""


@dataclass(frozen=True)
class Line:
    """A curve: the column `field` of the rows, its name in the legend, its colour and dashes (lengths in px)."""

    field: str
    label: str
    colour: str
    dash: tuple[int, ...] = (1, 0)


MEMORY = (
    Line("free", "free pages", "#2f7fe0"),
    Line("reserve", "reserve used", "#a35bd6", (6, 2)),
    Line("high", "high", "#3f9f6b", (2, 2)),
    Line("low", "low", "#d09015", (2, 2)),
    Line("min", "min", "#e2574c", (5, 3)),
    Line("refill_floor", "3/8 of min", "#c9468f", (1, 3)),
)
DROPS = (
    Line("early", "early drop", "#3f9f6b"),
    Line("rcvbuf", "full socket", "#d09015", (6, 2)),
    Line("no_buffer", "no receive buffer", "#e2574c"),
    Line("refill", "refill failures", "#a35bd6", (3, 2)),
)
PAGING = (
    Line("swap_out", "swapped out", "#2f7fe0"),
    Line("swap_in", "swapped in", "#22a5b8", (6, 2)),
    Line("progress", "touched by the application", "#3f9f6b", (2, 2)),
)
GREY = "#8a93a6"
INK = "currentColor"
_MADE_BY = version("vl-convert-python")


def spec(timeline: Timeline, tier: str, title: str = "") -> Spec:
    """The timeline of one initiator; its data is in `datasets`, thinned already. It is not validated against Vega-Lite's
    schema here, a third of a second each time: a test does that."""
    panels = [_strip(timeline), _memory(timeline, tier), _drops(timeline, tier), _paging(timeline, tier)]
    apart = alt.ScaleResolveMap(x="shared", color="independent", strokeDash="independent")
    chart = alt.vconcat(*panels, spacing=_BETWEEN, bounds="flush", resolve=alt.Resolve(scale=apart), config=DRESS)
    made: Spec = chart.to_dict(validate=False) | ({"title": title} if title else {})
    return made | {"datasets": {"rows": timeline.rows, "bands": timeline.bands, "markers": timeline.markers}}


def png(timeline: Timeline, tier: str, title: str, *, scale: float = 2.0) -> bytes:
    """The timeline on white, as a PNG."""
    return paint(spec(timeline, tier, title), scale=scale)


def paint(made: Spec, *, scale: float = 2.0) -> bytes:
    """Any chart in our dress on white, as a PNG of `scale` pixels per point."""
    text = json.dumps(made | {"config": made["config"] | {"background": "white"}}).replace(json.dumps(INK), '"#1c2330"')
    return small(vl_convert.vegalite_to_png(text, vl_version=_version(), scale=scale))


@cache
def bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that sets `vegaEmbed`: 0.9 MB. It takes a second and a half to make, so
    it is kept."""
    name = f"vega-embed-{_version()}-{_MADE_BY}.js"
    return kept(name, lambda: vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=_version()))


def warm() -> None:
    """Starts what draws pictures, half a second's work, before there is anything to draw."""
    vl_convert.vegalite_to_svg({"data": {"values": [{}]}, "mark": "point"}, vl_version=_version())


def _version() -> str:
    return ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])


def _memory(timeline: Timeline, tier: str) -> View:
    title = f"Memory, pages · junk held in sockets, MiB (grey) · {tier} tier"
    lines = _lines(MEMORY, "pages", _memory_top(timeline))
    return _panel(title, 138, timeline, MEMORY, lines, Line("junk_mib", "junk held, MiB", GREY))


def _drops(timeline: Timeline, tier: str) -> View:
    lines = _lines(DROPS, "packets/s", _top(timeline, DROPS))
    return _panel(f"Packets lost per second, by reason · {tier} tier", 92, timeline, DROPS, lines)


def _paging(timeline: Timeline, tier: str) -> View:
    title = f"Swapping, pages per second · requests in flight (grey) · {tier} tier"
    lines = _lines(PAGING, "pages/s", _top(timeline, PAGING))
    return _panel(title, 92, timeline, PAGING, lines, Line("in_flight", "in flight", GREY), last=True)


def _panel(
    title: str,
    height: int,
    timeline: Timeline,
    shown: tuple[Line, ...],
    lines: View,
    grey: Line | None = None,
    last: bool = False,
) -> View:
    """Bands below, then the grey area on the right-hand axis, lines, markers, and what the pointer finds."""
    bands = alt.Chart(alt.NamedData("bands")).mark_rect(opacity=0.13)
    bands = bands.encode(x=_x(timeline, last, "start"), x2="end:Q", fill=_own("tint"))
    rules = alt.Chart(alt.NamedData("markers")).mark_rule(strokeDash=[3, 3], opacity=0.55, color=INK)
    rules = rules.encode(x=_x(timeline, last), tooltip=_MARKER_TOOLTIP)
    area = [_area(timeline, grey).encode(x=_x(timeline, last))] if grey else []
    near = _pointed((*shown, grey) if grey else shown, timeline, last)
    layers = [bands, *area, lines.encode(x=_x(timeline, last)), rules, *near]
    apart = alt.Resolve(scale=alt.ScaleResolveMap(y="independent")) if grey else alt.Undefined
    return alt.layer(*layers, width=WIDTH, height=height, title=title, resolve=apart)


def _lines(lines: tuple[Line, ...], unit: str, top: float) -> View:
    labels = json.dumps({line.field: line.label for line in lines})
    fields = [line.field for line in lines]
    legend = alt.Legend(title=None, orient="top", labelExpr=f"{labels}[datum.label]", offset=2, symbolSize=180)
    colour = alt.Scale(domain=fields, range=[line.colour for line in lines])
    dash = alt.Scale(domain=fields, range=[list(line.dash) for line in lines])
    return (
        alt.Chart(alt.NamedData("rows"))
        .transform_fold([*fields], as_=["series", "value"])
        .mark_line(strokeWidth=1.6, clip=True)
        .encode(
            y=alt.Y("value:Q", title=unit, scale=alt.Scale(domain=[0, top], clamp=True), axis=_y_axis("left")),
            color=alt.Color("series:N", scale=colour, legend=legend),
            strokeDash=alt.StrokeDash("series:N", scale=dash, legend=legend),
        )
    )


def _area(timeline: Timeline, line: Line) -> View:
    scale = alt.Scale(domain=[0, _highest(timeline, line.field)])
    return (
        alt.Chart(alt.NamedData("rows"))
        .mark_area(color=line.colour, opacity=0.28, interpolate="step-after")
        .encode(y=alt.Y(f"{line.field}:Q", title=line.label, axis=_y_axis("right"), scale=scale))
    )


def _pointed(shown: tuple[Line, ...], timeline: Timeline, last: bool) -> list[View]:
    """The row nearest to the pointer: a line there, and the panel's values in a tooltip."""
    near = alt.selection_point(
        name=f"near_{shown[0].field}", fields=["t"], nearest=True, on="pointermove", clear="pointerout", empty=False
    )
    values = [alt.Tooltip(f"{line.field}:Q", title=line.label, format=",.0f") for line in shown]
    base: View = alt.Chart(alt.NamedData("rows")).encode(x=_x(timeline, last))
    catch = base.mark_point(opacity=0).encode(tooltip=[*_ROW_TOOLTIP, *values]).add_params(near)
    line = base.mark_rule(color=INK, opacity=0.5).transform_filter(near)
    return [catch, line]


def _strip(timeline: Timeline) -> View:
    """Above the panels: names of the phases, and below them the labels of the markers in as many rows as they need."""
    names = alt.Chart(alt.NamedData("bands")).transform_calculate(middle="(datum.start + datum.end) / 2")
    names = names.mark_text(fontWeight="bold", color=INK, baseline="top")
    tints = alt.Chart(alt.NamedData("bands")).mark_rect(opacity=0.13)
    tints = tints.encode(x=_x(timeline, False, "start"), x2="end:Q", fill=_own("tint"))
    marks: View = alt.Chart(alt.NamedData("markers")).transform_calculate(
        y=f"datum.row * {MARKER_ROW} + {MARKER_ROW + 3}"
    )
    labels = [
        marks.transform_filter(f"datum.side == '{side}'")
        .mark_text(align=side, dx=shift, baseline="top", color=INK)
        .encode(
            x=_x(timeline, False),
            y=alt.Y("y:Q", scale=None, axis=None),
            text="label:N",
            tooltip=_MARKER_TOOLTIP,
        )
        for side, shift in (("left", 3), ("right", -3))
    ]
    rules = marks.mark_rule(opacity=0.55, strokeDash=[3, 3], color=INK).encode(
        x=_x(timeline, False), y=alt.Y("y:Q", scale=None, axis=None), y2=alt.value("height")
    )
    height = (timeline.marker_rows + 1) * MARKER_ROW + 2
    named = names.encode(x=_x(timeline, False, "middle"), y=alt.value(2), text="phase:N")
    return alt.layer(tints, named, rules, *labels, width=WIDTH, height=height)


def _x(timeline: Timeline, labelled: bool, field: str = "t") -> alt.X:
    title = "seconds since the start of the run" if labelled else None
    axis = alt.Axis(title=title, labels=labelled, ticks=labelled, grid=False, tickCount=10)
    return alt.X(f"{field}:Q", axis=axis, scale=alt.Scale(domain=[0, timeline.span_s or 1], nice=False))


def _y_axis(orient: Any) -> alt.Axis:
    return alt.Axis(orient=orient, minExtent=_AXIS, maxExtent=_AXIS, tickCount=4, grid=orient == "left", format=",~f")


def _own(field: str) -> alt.Fill:
    """A colour that stands in the data."""
    return alt.Fill(f"{field}:N", scale=None, legend=None)


def _memory_top(timeline: Timeline) -> float:
    """The axis ends a little above the highest mark: that is where everything happens; more free memory is cut off."""
    marks = max((float(row.get("high") or 0) for row in timeline.rows), default=0.0)
    return max(marks * 1.6, _top(timeline, MEMORY[1:2])) if marks else _top(timeline, MEMORY)


def _top(timeline: Timeline, lines: tuple[Line, ...]) -> float:
    return max(_highest(timeline, line.field) for line in lines)


def _highest(timeline: Timeline, field: str) -> float:
    """A little above the highest value of `field`, and at least 1."""
    return max(1.0, 1.08 * max((float(row.get(field) or 0) for row in timeline.rows), default=0.0))


DRESS = {
    "font": "system-ui, sans-serif",
    "background": "transparent",
    "padding": 2,
    "axis": {
        "labelColor": INK, "titleColor": INK, "tickColor": INK, "domainColor": INK, "gridColor": INK,
        "gridOpacity": 0.1, "domainOpacity": 0.4, "tickOpacity": 0.4, "titleFontWeight": "normal",
        "labelFontSize": 11, "titleFontSize": 11,
    },
    "legend": {"labelColor": INK, "labelFontSize": 11, "symbolStrokeWidth": 2.2, "columnPadding": 12},
    "title": {"color": INK, "anchor": "start", "fontSize": 12, "fontWeight": "bold", "offset": 4},
    "view": {"stroke": None},
}  # fmt: skip
_MARKER_TOOLTIP = [
    alt.Tooltip("t:Q", title="second", format=".1f"),
    alt.Tooltip("label:N", title="event"),
    alt.Tooltip("detail:N", title="detail"),
]
_ROW_TOOLTIP = [
    alt.Tooltip("t:Q", title="second", format=".1f"),
    alt.Tooltip("state:N", title="state"),
    alt.Tooltip("policy:N", title="policy"),
    alt.Tooltip("stood_s:Q", title="standing still, s", format=".1f"),
]
