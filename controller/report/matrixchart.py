"""A matrix of real kernels as a Vega-Lite specification: a panel for each scenario and kernel, cards across, policies down.

A cell has its verdict's colour and sign and how many of its trials came to it; one whose trials disagree is paler.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import altair as alt

from controller.experiment.verdicts import VERDICTS, Verdict
from controller.report.charts import DRESS, INK, Spec, View
from controller.report.phasechart import SIGN_FONT
from controller.studies.kernels.model import Asked, Cell, kernel_text

CELL_WIDTH, CELL_HEIGHT = 92, 34
"""Pixels: `✕ 10/10` fits (own)."""
COLUMNS = 2
_BARE: dict[str, Any] = {"title": None, "domain": False, "ticks": False}

Datum = dict[str, Any]


def spec(asked: Asked, cells: Sequence[Cell], title: str) -> Spec:
    """The picture of one tier's matrix."""
    names = list(dict.fromkeys(_panel_name(asked, cell) for cell in cells))
    rows = [_row(asked, cell) for cell in cells]
    used = {str(row["kind"]) for row in rows if row["kind"]}
    swatches = {name: verdict for name, verdict in VERDICTS.items() if name in used or not used}
    panels = [_panel(asked, name, swatches) for name in names]
    chart = alt.concat(*panels, columns=COLUMNS, spacing=20, config=DRESS)
    made: Spec = chart.to_dict()
    return made | {"title": {"text": title, "fontSize": 14, "offset": 10}, "datasets": {"cells": rows}}


def _panel(asked: Asked, name: str, swatches: dict[str, Verdict]) -> View:
    base: View = alt.Chart(alt.NamedData("cells")).transform_filter(alt.datum.panel == name)
    x = alt.X(
        "nic:N", sort=list(asked.nics), axis=alt.Axis(title=None, labelAngle=0, orient="top", domain=False, ticks=False)
    )
    y = alt.Y(
        "policy:N", sort=list(asked.policies), axis=alt.Axis(title=None, domain=False, ticks=False, labelLimit=220)
    )
    labels = json.dumps({name: verdict.label for name, verdict in swatches.items()})
    legend = alt.Legend(
        title=None, orient="bottom", direction="horizontal", labelExpr=f"{labels}[datum.label]", symbolType="square",
        labelFont=SIGN_FONT, symbolSize=180,
    )  # fmt: skip
    scale = alt.Scale(domain=[*swatches], range=[swatch.colour for swatch in swatches.values()])
    told = [alt.Tooltip(f"{field}:N", title=title) for field, title in _TOLD.items()]
    areas = base.mark_rect(stroke="white", strokeWidth=2).encode(
        x=x, y=y, color=alt.Color("kind:N", scale=scale, legend=legend),
        opacity=alt.Opacity("strength:Q", scale=None), tooltip=told,
    )  # fmt: skip
    signs = base.mark_text(fontSize=13, baseline="middle", font=SIGN_FONT, fontWeight="bold").encode(
        x=x, y=y, text="sign:N", color=alt.Color("ink:N", scale=None), tooltip=told
    )
    width, height = CELL_WIDTH * len(asked.nics), CELL_HEIGHT * len(asked.policies)
    return alt.layer(areas, signs, width=width, height=height, title=name)


_TOLD = {"nic": "card", "policy": "policy", "told": "verdict", "figures": "figures", "cycle": "who waits for whom"}


def _panel_name(asked: Asked, cell: Cell) -> str:
    kernel = kernel_text(cell.place.kernel)
    return kernel if len(asked.subjects) == 1 else f"{cell.place.scenario}, {kernel}"


def _row(asked: Asked, cell: Cell) -> Datum:
    swatch = VERDICTS[cell.verdict or "cannot"]
    counted = f" {cell.counts[cell.verdict]}/{len(cell.counted)}" if cell.verdict and not cell.cannot else ""
    return {
        "panel": _panel_name(asked, cell), "nic": cell.place.nic, "policy": cell.place.policy,
        "kind": cell.verdict or None, "strength": round(0.35 + 0.65 * cell.share, 3) if cell.trials else 0,
        "sign": f"{swatch.sign}{counted}" if cell.verdict else "", "ink": swatch.ink if cell.share > 0.5 else INK,
        "told": cell.told(), "figures": "; ".join(cell.figures()) or "–",
        "cycle": cell.hangs()[0].sentence if cell.hangs() else "–",
    }  # fmt: skip
