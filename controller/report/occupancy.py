"""Pages that packet allocators held over time, as a picture: PNG, or a page of its own that shows values at the pointer.

Two panels share the axis of seconds: pages held, with what the bytes asked for would fill at best (dashed), and held pages
with room in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.report import charts
from controller.report.page import environment
from controller.studies.allocators.comparison import HEADINGS, Comparison, cells
from controller.studies.allocators.replay import Replayed
from nodes.errors import HarnessError, UsageError
from nodes.units import PAGE_BYTES, SECOND_NS

COLOURS = ("#2f7fe0", "#d09015", "#a35bd6", "#3f9f6b", "#e2574c", "#22a5b8")
"""Of the allocators, in their order."""
HEIGHTS = (190, 110)
SUFFIXES = (".png", ".html")


def check_path(path: Path) -> None:
    """Raises UsageError for a kind of picture that we do not make."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--picture {path}: a name that ends in {' or '.join(SUFFIXES)} is needed")


def write(path: Path, comparison: Comparison) -> None:
    """Writes the picture; the suffix of `path` says which kind. Raises UsageError and HarnessError."""
    check_path(path)
    content = charts.paint(spec(comparison)) if path.suffix.lower() == ".png" else page(comparison).encode()
    try:
        path.write_bytes(content)
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror}") from None


def page(comparison: Comparison) -> str:
    """One self-contained HTML page."""
    template = environment().get_template("occupancy.html")
    return template.render(
        comparison=comparison,
        title=title(comparison),
        spec={key: part for key, part in spec(comparison).items() if key != "title"},
        bundle=charts.bundle(),
        headings=HEADINGS,
        rows=[cells(each) for each in comparison.replayed],
    )


def title(comparison: Comparison) -> str:
    """What is compared, in a line."""
    header = comparison.header
    source = " · ".join(part for part in (header.scenario, header.node, header.policy) if part)
    return f"{source or 'Recorded requests'} · recorded with {header.allocator or 'an unknown allocator'}"


def spec(comparison: Comparison) -> charts.Spec:
    """Vega-Lite: both panels."""
    rows = [row for each in comparison.replayed for row in _rows(each)]
    held = _panel(
        "Pages held (line) and filled by what was asked for (dashed)", HEIGHTS[0], ("pages", "filled"), comparison
    )
    pinned = _panel("Held pages with room in them", HEIGHTS[1], ("pinned",), comparison)
    return {
        "title": title(comparison),
        "vconcat": [held, pinned],
        "datasets": {"points": rows},
        "config": charts.DRESS,
    }


def _rows(replayed: Replayed) -> list[dict[str, Any]]:
    return [
        {
            "t": point.t_ns / SECOND_NS,
            "allocator": replayed.allocator,
            "pages": point.pages,
            "filled": round(point.asked_bytes / PAGE_BYTES, 1),
            "pinned": point.pinned_pages,
            "objects": point.objects,
        }
        for point in replayed.points
    ]


def _panel(heading: str, height: int, fields: tuple[str, ...], comparison: Comparison) -> charts.Spec:
    names = [each.allocator for each in comparison.replayed]
    colours = [COLOURS[number % len(COLOURS)] for number in range(len(names))]
    shared = {
        "x": {
            "field": "t",
            "type": "quantitative",
            "title": "seconds since the start of the run",
            "axis": {"grid": False},
            "scale": {"nice": False},
        },
        "color": {
            "field": "allocator",
            "type": "nominal",
            "scale": {"domain": names, "range": colours},
            "legend": {"title": None, "orient": "top", "symbolType": "stroke"},
        },
    }
    return {
        "data": {"name": "points"},
        "title": heading,
        "width": charts.WIDTH,
        "height": height,
        "encoding": shared,
        "layer": [_line(field) for field in fields],
    }


def _line(field: str) -> charts.Spec:
    tooltip = [
        {"field": name, "type": kind, "title": told} | ({"format": ",.0f"} if kind == "quantitative" else {})
        for name, kind, told in (
            ("allocator", "nominal", "allocator"),
            ("pages", "quantitative", "pages held"),
            ("filled", "quantitative", "pages filled"),
            ("pinned", "quantitative", "pages with room"),
            ("objects", "quantitative", "objects"),
        )
    ]
    mark = {"type": "line", "strokeWidth": 1.6, "interpolate": "step-after", "point": {"opacity": 0, "size": 60}}
    if field == "filled":
        mark |= {"strokeDash": [3, 3], "opacity": 0.7}
    return {
        "mark": mark,
        "encoding": {"y": {"field": field, "type": "quantitative", "title": "pages"}, "tooltip": tooltip},
    }
