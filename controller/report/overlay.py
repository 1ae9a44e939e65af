"""Several runs on one timeline, aligned where their floods start: free pages above, progress below. HTML and PNG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from controller.experiment.trace import phase, start_ns
from controller.report import charts, timeline
from controller.report.charts import DRESS, INK, Spec, View
from controller.report.figures import by_need
from controller.report.page import environment
from controller.studies.comparison.subjects import Comparison, Subject, difference_rows, table
from nodes.units import SECOND_NS

COLOURS = ("#2f7fe0", "#e2574c", "#3f9f6b", "#d09015", "#a35bd6", "#22a5b8", "#c9468f", "#8a93a6")
DASHES = ((1, 0), (6, 2), (2, 2), (5, 3), (1, 3), (8, 3, 2, 3), (3, 2), (10, 2))
"""A run is told by its dashes too, not by its colour alone."""
PANELS = (("free", "Free pages", "pages"), ("progress", "Progress of the application", "pages/s"))
HEIGHT = 150

Datum = dict[str, Any]


def rows(comparison: Comparison) -> list[Datum]:
    """One row for each moment and run: `t` in seconds from the start of the flood, of the initiator that fared worst."""
    return [row for subject in comparison.subjects for row in _rows_of(subject)]


def _rows_of(subject: Subject) -> list[Datum]:
    shown = subject.shown
    worst = by_need(shown.result)
    if not worst:
        return []
    drawn = timeline.build(worst[0].node, shown)
    flood = phase(shown.result.phases, "flood")
    zero_s = (flood.start_ns - start_ns(shown.result, shown.samples)) / SECOND_NS if flood else 0.0
    return [
        {
            "run": subject.label,
            "t": float(row["t"] or 0.0) - zero_s,
            "free": row.get("free"),
            "progress": row.get("progress"),
        }
        for row in drawn.rows
    ]


def spec(comparison: Comparison) -> Spec:
    """The chart, with its data."""
    shown = rows(comparison)
    labels = [subject.label for subject in comparison.subjects]
    panels = [_panel(shown, labels, *panel, last=panel is PANELS[-1]) for panel in PANELS]
    chart = alt.vconcat(*panels, spacing=30, config=DRESS, title=f"{comparison.title}: flood starts at 0 s")
    made: Spec = chart.to_dict()
    return made | {"datasets": {"rows": shown}}


def _panel(shown: Sequence[Datum], labels: list[str], field: str, title: str, unit: str, *, last: bool) -> View:
    count = len(labels)
    colour = alt.Scale(domain=labels, range=[COLOURS[i % len(COLOURS)] for i in range(count)])
    dash = alt.Scale(domain=labels, range=[list(DASHES[i % len(DASHES)]) for i in range(count)])
    legend = (
        alt.Legend(title=None, orient="top", columns=2, labelLimit=360, symbolSize=240)
        if field == PANELS[0][0]
        else None
    )
    axis = alt.Axis(title="seconds from the start of the flood" if last else None, grid=False, tickCount=10)
    times = [row["t"] for row in shown] or [0.0]
    domain = [min(times), max(max(times), min(times) + 1)]
    lines: View = (
        alt.Chart(alt.NamedData("rows"))
        .mark_line(strokeWidth=1.6, clip=True)
        .encode(
            x=alt.X("t:Q", axis=axis, scale=alt.Scale(domain=domain, nice=False)),
            y=alt.Y(f"{field}:Q", title=unit, scale=_scale(shown, field), axis=alt.Axis(tickCount=4, format=",~f")),
            color=alt.Color("run:N", scale=colour, legend=legend),
            strokeDash=alt.StrokeDash("run:N", scale=dash, legend=legend),
            tooltip=[alt.Tooltip("run:N"), alt.Tooltip("t:Q", format=".1f"), alt.Tooltip(f"{field}:Q", format=",.0f")],
        )
    )
    zero = alt.Chart(alt.InlineData(values=[{"t": 0}])).mark_rule(color=INK, strokeDash=[3, 3], opacity=0.55)
    return alt.layer(lines, zero.encode(x="t:Q"), width=charts.WIDTH, height=HEIGHT, title=title)


def _scale(shown: Sequence[Datum], field: str) -> alt.Scale:
    """From 0 to what is seen from a second before the flood on: before it, memory fills from empty."""
    values = [float(row[field]) for row in shown if row[field] is not None and row["t"] >= -1]
    return alt.Scale(domain=[0, max(1.0, 1.08 * max(values, default=1.0))], clamp=True)


def png(comparison: Comparison, *, scale: float = 2.0) -> bytes:
    """On white, `scale` pixels per point."""
    return charts.paint(spec(comparison), scale=scale)


def page(comparison: Comparison) -> str:
    """One self-contained HTML page: verdicts, timeline, figures, differences."""
    return (
        environment()
        .get_template("comparison.html")
        .render(
            comparison=comparison,
            spec={key: part for key, part in spec(comparison).items() if key != "title"},
            figures=table(comparison),
            differences=difference_rows(comparison),
            bundle=charts.bundle(),
        )
    )
