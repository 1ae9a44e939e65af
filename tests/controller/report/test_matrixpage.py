"""A matrix as page, picture and Markdown: every cell, every hang, and nothing from a run that is not escaped."""

from __future__ import annotations

from pathlib import Path

import pytest
from headlessbrowser import look
from requirements import require_programs

from controller.experiment.endings import DROPS
from controller.report import charts, matrixchart, matrixpage
from controller.studies.kernels.model import Asked, Cell, Key, Subject, Trial
from nodes.eventkinds import Wait

ASKED = Asked(
    subjects=(Subject(name="s", digest="d"),), kernels=("trixie", "bookworm"), nics=("e1000e", "rtl8139"),
    policies=("none", "memalloc"), repeat=2,
)  # fmt: skip
EDGE = Wait(waiter="kswapd", resource="a <reply>", need=1, have=0, who_frees="kswapd", why="its | stack")


def trials(folder: Path) -> dict[Key, Trial]:
    """One kernel hangs with the flag off; the other has no driver for one card, and one place was not tried."""
    found = {}
    for key in ASKED.order():
        place = key.place
        if place.kernel == "bookworm":
            if place.nic == "rtl8139":
                found[key] = Trial(key=key, verdict="cannot", sentence="no driver")
            continue
        hung = place.policy == "none" and (place.nic == "e1000e" or key.repeat == 0)
        found[key] = Trial(
            key=key, verdict="deadlocked" if hung else "healthy", edges=(EDGE,) if hung else (),
            drops={"early_drops": 7}, kernel="6.12.57+deb13", folder=str(folder / "runs" / place.nic), found=("seen",),
        )  # fmt: skip
    return found


@pytest.fixture
def cells(tmp_path: Path) -> list[Cell]:
    return ASKED.cells(trials(tmp_path))


def test_a_cell_a_place_in_its_verdicts_colour(cells: list[Cell]) -> None:
    made = matrixchart.spec(ASKED, cells, "t")
    rows = {(row["panel"], row["nic"], row["policy"]): row for row in made["datasets"]["cells"]}
    assert len(rows) == 8 and [panel["title"] for panel in made["concat"]] == ["trixie", "bookworm"]
    assert rows["trixie", "e1000e", "none"]["sign"] == "✕ 2/2" and rows["trixie", "e1000e", "none"]["strength"] == 1
    mixed = rows["trixie", "rtl8139", "none"]
    assert mixed["sign"] == "✕ 1/2" and mixed["strength"] < 0.7 and mixed["told"] == "deadlocked 1/2, healthy 1/2"
    assert rows["bookworm", "rtl8139", "none"]["sign"] == "–"
    assert rows["bookworm", "e1000e", "none"]["kind"] is None
    domain = made["concat"][0]["layer"][0]["encoding"]["color"]["scale"]["domain"]
    assert domain == ["healthy", "deadlocked", "cannot"]


def test_page_and_picture_are_written_even_of_an_empty_matrix(tmp_path: Path, cells: list[Cell]) -> None:
    page, picture = matrixpage.draw(tmp_path, [(ASKED, cells)])
    assert (page.name, picture.name) == ("matrix.html", "matrix.png")
    assert picture.read_bytes().startswith(b"\x89PNG") and charts.bundle()[:40] in page.read_text()
    matrixpage.draw(tmp_path, [(ASKED, ASKED.cells({}))])
    assert "Not finished" in page.read_text()


def test_the_page_tells_every_cell_and_hang_and_links_to_the_runs(tmp_path: Path, cells: list[Cell]) -> None:
    text = matrixpage.draw(tmp_path, [(ASKED, cells)])[0].read_text()
    assert "<span>kernel</span> trixie: 6.12.57+deb13</li>" in text
    assert "deadlocked 1/2, healthy 1/2" in text and "cannot: no driver" in text and "not tried yet" in text
    assert f"{DROPS['early_drops']} 7" in text
    assert '<a href="runs/e1000e/report.html">#1</a>' in text
    assert "kswapd waits for a &lt;reply&gt;, which kswapd must give" in text and "<reply>" not in text


def test_the_page_works_without_any_network(tmp_path: Path, cells: list[Cell]) -> None:
    require_programs("chromium")
    seen = look(matrixpage.draw(tmp_path, [(ASKED, cells)])[0], tmp_path)
    assert "marks" in seen.dom and ">✕ 1/2</text>" in seen.dom and not seen.console and not seen.requests


def test_markdown_has_a_row_a_card_and_breaks_no_table(cells: list[Cell]) -> None:
    lines = matrixpage.markdown([(ASKED, cells)]).splitlines()
    assert "Kernels: trixie: 6.12.57+deb13." in lines
    assert (
        "| trixie | rtl8139 | deadlocked 1/2, healthy 1/2<br>lived 1/2 (9–91 %)<br>early drop 7 | "
        "healthy 2/2<br>lived 2/2 (34–100 %)<br>early drop 7 |" in lines
    )
    assert "| bookworm | rtl8139 | cannot: no driver | cannot: no driver |" in lines
    summary = "<details><summary><b>trixie, e1000e, none</b> (2 of 2): kswapd waits for a &lt;reply&gt;"
    (hang,) = (number for number, line in enumerate(lines) if line.startswith(summary))
    assert lines[hang + 2].startswith("* ") and "</details>" in lines[hang:], "with what the autopsy saw"
