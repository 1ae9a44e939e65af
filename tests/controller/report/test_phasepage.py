"""Phase diagrams as a page and as pictures: what is drawn, in which colours, and that everybody can tell them apart."""

from __future__ import annotations

import csv
import re
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import pytest
from headlessbrowser import look
from msgspec import structs
from requirements import require_programs
from sweptgrids import more_reserve_helps, plan, rows

from controller.experiment.verdicts import VERDICTS
from controller.report import phasechart, phasepage
from controller.report.swatches import GAINS
from controller.studies.sweep.difference import difference
from controller.studies.sweep.folder import SweepFolder
from controller.studies.sweep.grid import grid
from controller.studies.sweep.model import SweptVerdict
from nodes.errors import UsageError

ASKED = plan("policy=none,memalloc", "nodes.initiator.min_free=1M..8M:log4", "floods.0.rate=1k..64k:log6", seeds=3)
ROWS_MADE = rows(ASKED, more_reserve_helps)


def swept(sweeps: Path, points: int = ASKED.points) -> SweepFolder:
    folder = SweepFolder.start(sweeps, ASKED)
    folder.append([ROWS_MADE[index] for index in range(points)])
    folder.close()
    return folder


# ---- colours


MATRICES = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
"""How colours look to whom: Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB."""


def linear(colour: str) -> list[float]:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def lab(rgb: list[float]) -> tuple[float, float, float]:
    """CIELAB of linear sRGB, D65."""
    rows_of = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.089)
    f = []
    for row, w in zip(rows_of, white, strict=True):
        t = max(0.0, sum(a * b for a, b in zip(row, rgb, strict=True))) / w
        f.append(t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116)
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def distance(one: str, other: str, eye: str) -> float:
    seen = [
        lab([max(0.0, sum(a * b for a, b in zip(row, linear(c), strict=True))) for row in MATRICES[eye]])
        for c in (one, other)
    ]
    return sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5


@pytest.mark.parametrize("eye", MATRICES)
def test_the_colours_differ_for_every_eye(eye: str) -> None:
    """A difference of 2.3 is just noticeable; cells beside each other need several times that."""
    colours = {name: VERDICTS[name].colour for name in get_args(SweptVerdict)}
    near = {(a, b): distance(colours[a], colours[b], eye) for a, b in combinations(colours, 2)}
    assert min(near.values()) > 11, min(near, key=lambda pair: near[pair])
    gains = {(a, b): distance(GAINS[a][0], GAINS[b][0], eye) for a, b in combinations(GAINS, 2)}
    assert min(gains.values()) > 11, min(gains, key=lambda pair: gains[pair])
    assert distance("#1c7a48", "#b3261e", "deuteranopia") < distance("#1c7a48", "#b3261e", "all"), "the model sees less"


def test_the_signs_can_be_read_on_their_colours() -> None:
    """WCAG: 4.5 for text."""
    for colour, ink in [*((s.colour, s.ink) for s in VERDICTS.values()), *((c, i) for c, i, _ in GAINS.values())]:
        light, dark = sorted((0.05 + (lab(linear(c))[0] + 16) ** 3 / 116**3 for c in (colour, ink)), reverse=True)
        assert light / dark >= 4.5, (colour, ink)


# ---- the diagram


def test_a_cell_a_place_with_its_verdict_and_the_scales_are_logarithmic() -> None:
    made = phasechart.spec(grid(ASKED, ROWS_MADE), "t")
    cells = made["datasets"]["cells"]
    assert len(cells) == 2 * 4 * 6 and len(made["concat"]) == 2
    assert [panel["title"] for panel in made["concat"]] == ["none", "memalloc"]
    first = cells[0]
    assert (first["across"], first["up"], first["title"]) == ("1 kpps", "1 MiB", "none")
    assert first["told"] == "all 3 healthy" and first["strength"] == 1 and first["sign"] == "✓"
    channels = made["concat"][0]["layer"][0]["encoding"]
    assert channels["x"]["scale"]["type"] == channels["y"]["scale"]["type"] == "log"
    assert '"1000": "1 kpps"' in channels["x"]["axis"]["labelExpr"]


def test_a_mixed_cell_shows_both_verdicts() -> None:
    cells = phasechart.spec(grid(ASKED, ROWS_MADE), "t")["datasets"]["cells"]
    mixed = [cell for cell in cells if cell["second"]]
    assert mixed and all(0.35 < cell["strength"] < 1 and " of 3 " in cell["told"] for cell in mixed)
    assert {cell["second"] for cell in mixed} <= {swatch.colour for swatch in VERDICTS.values()}


def test_the_boundary_is_in_every_panel_that_has_one() -> None:
    made = phasechart.spec(grid(ASKED, ROWS_MADE), "t")
    assert {piece["panel"] for piece in made["datasets"]["boundary"]} == {0, 1}
    calm = phasechart.spec(grid(ASKED, rows(ASKED, lambda *_: "healthy")), "t")
    assert calm["datasets"]["boundary"] == []


def test_a_difference_says_who_gains() -> None:
    made = phasechart.difference_spec(difference(ASKED, ROWS_MADE, "none,memalloc"), "t")
    kinds = {cell["kind"]: cell for cell in made["datasets"]["cells"]}
    assert kinds["second"]["sign"] == "2" and kinds["second"]["before"].startswith("none: ")
    assert "only memalloc survives" in str(made["concat"][0])


# ---- the files


def test_pictures_page_and_list_are_written(tmp_path: Path) -> None:
    folder = swept(tmp_path)
    written = {path.name: path for path in phasepage.draw(folder, ["none,memalloc"])}
    assert set(written) == {"phase.html", "phase.png", "diff-none-memalloc.png", "diff-none-memalloc.csv"}
    assert written["phase.png"].read_bytes().startswith(b"\x89PNG") and len(written["phase.png"].read_bytes()) > 10_000
    listed = [*csv.DictReader(written["diff-none-memalloc.csv"].read_text().splitlines())]
    assert listed[0]["survival"] == "only memalloc survives"
    assert set(listed[0]) == {"nodes.initiator.min_free", "floods.0.rate", "none", "memalloc", "survival"}
    page = written["phase.html"].read_text()
    assert "Where it matters: none against memalloc" in page and "it is invalid." in page
    assert "Not finished" not in page and page.count("of 24</td>") == 2
    assert not re.search(r"""(?:src|href)=["']?https?://""", page), "the page asks nobody for anything"
    assert not [*folder.path.glob("*.part")]


def test_a_part_of_a_sweep_can_be_looked_at(tmp_path: Path) -> None:
    folder = swept(tmp_path, points=7)
    page = render(folder)
    assert "Not finished" in page and "7 of 144" in page


def test_a_sweep_without_any_row_has_a_picture(tmp_path: Path) -> None:
    written = phasepage.draw(swept(tmp_path, points=0))
    assert written[1].read_bytes().startswith(b"\x89PNG")


def test_what_comes_from_a_run_is_escaped(tmp_path: Path) -> None:
    asked = plan("floods.0.rate=1k,9k")
    made = rows(asked, lambda *_: "inconclusive")
    folder = SweepFolder.start(tmp_path, asked)
    folder.append([structs.replace(row, reason="<script>alert(1)</script>") for row in made.values()])
    folder.close()
    page = render(folder)
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page


@pytest.mark.browser
def test_a_browser_draws_it_without_a_word_or_a_request(tmp_path: Path) -> None:
    require_programs("chromium")
    page = phasepage.draw(swept(tmp_path), ["none,memalloc"])[0]
    seen = look(page, tmp_path)
    figures = seen.dom.split('<figure class="phase"')[1:]
    drawn = [figure[figure.index("</script>") : figure.index("</figure>")] for figure in figures]
    assert [figure.count('aria-roledescription="rect mark"') for figure in drawn] == [48, 24], "a cell a place"
    assert drawn[0].count('aria-roledescription="rule mark"') > 4, "and the boundary"
    assert seen.console == [] and seen.requests == []


def render(folder: SweepFolder) -> str:
    shown = grid(folder.plan, folder.rows)
    spec: dict[str, Any] = phasechart.spec(shown, "t")
    return phasepage.render(folder, shown, spec, [])


def test_each_panel_is_told_in_figures() -> None:
    lines = phasepage.summary(grid(ASKED, ROWS_MADE))
    assert [(line.title, line.cells, line.lives + line.ends + line.unknown) for line in lines] == [
        ("none", 24, 24),
        ("memalloc", 24, 24),
    ]
    assert lines[0].lives < lines[1].lives and lines[0].unknown == 6
    assert lines[1].sentence == f"memalloc: {lines[1].lives} of 24 cells survive, {lines[1].ends} do not."


def test_a_difference_of_nothing_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = swept(tmp_path)
    with pytest.raises(UsageError, match="two values of one axis"):
        phasepage.draw(folder, ["none,some"])
    assert not (folder.path / "phase.png").exists()
