"""The sensitivity as a tornado, PNG: a bar for every assumption, red where the claim stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.report import charts
from controller.studies.epoll2006.result import Finding, Result
from nodes.errors import HarnessError, UsageError

WIDTH, ROW = 420, 17
RATIO_LEAST, RATIO_MOST = 0.9, 1.55
BAR, CLAIM, BASE = "#2f7fe0", "#e2574c", "#8a93a6"


def check_path(path: Path) -> None:
    """Raises UsageError for a kind of picture that we do not make."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"--picture {path}: a name that ends in .png is needed")


def write(path: Path, result: Result) -> None:
    """Writes the picture. Raises UsageError and HarnessError."""
    check_path(path)
    content = charts.paint(spec(result))
    try:
        path.write_bytes(content)
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror}") from None


def spec(result: Result) -> dict[str, Any]:
    """A Vega-Lite specification: one panel for each version."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "config": {"view": {"stroke": None}, "font": "sans-serif"},
        "vconcat": [_panel(finding, result) for finding in result.findings],
    }


def _panel(finding: Finding, result: Result) -> dict[str, Any]:
    """Bars between the ratios at both ends; rules at the base, at the target and over the claimed range."""
    names = [f"{bar.name}: {bar.low} .. {bar.high}" for bar in finding.sensitivity]
    ends = [sorted((bar.ratio_low, bar.ratio_high)) for bar in finding.sensitivity]
    rows = [
        {"name": name, "low": _clamped(low), "high": _clamped(high)}
        for name, (low, high) in zip(names, ends, strict=True)
    ]
    scale = {"domain": [RATIO_LEAST, RATIO_MOST], "nice": False}
    x = {"type": "quantitative", "scale": scale, "title": "requests/s, times those with kmalloc"}
    claimed = {"from": finding.claimed_ratio_low, "to": finding.claimed_ratio_high}
    return {
        "title": f"{finding.counts.allocator}: {finding.ratio:.3f} at the base of all assumptions;"
        f" claimed {finding.claimed_ratio_low:.2f} to {finding.claimed_ratio_high:.2f} (red)",
        "width": WIDTH,
        "height": ROW * len(rows),
        "layer": [
            {
                "data": {"values": [claimed]},
                "mark": {"type": "rect", "color": CLAIM, "opacity": 0.18},
                "encoding": {"x": {"field": "from", **x}, "x2": {"field": "to"}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "bar", "color": BAR, "height": 9},
                "encoding": {
                    "x": {"field": "low", **x},
                    "x2": {"field": "high"},
                    "y": {
                        "field": "name",
                        "type": "nominal",
                        "sort": names,
                        "title": None,
                        "axis": {"labelLimit": 260},
                    },
                },
            },
            _rule(finding.ratio, BASE, x),
            _rule(result.target_ratio, CLAIM, x),
        ],
    }


def _rule(at: float, colour: str, x: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"values": [{"at": _clamped(at)}]},
        "mark": {"type": "rule", "color": colour, "strokeWidth": 1.5},
        "encoding": {"x": {"field": "at", **x}},
    }


def _clamped(ratio: float) -> float:
    """Onto the axis: what lies beyond is drawn at its end."""
    return min(max(ratio, RATIO_LEAST), RATIO_MOST)
