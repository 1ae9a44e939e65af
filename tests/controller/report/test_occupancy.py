"""The picture of pages over time."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from alloctraces import packets
from headlessbrowser import look
from msgspec import structs
from requirements import require_programs

from controller.report import occupancy
from controller.store.tracefile import Trace
from controller.studies.allocators.comparison import compare
from controller.studies.allocators.replay import POINTS
from nodes.errors import HarnessError, UsageError

COMPARISON = compare(packets(33))
UNABLE = structs.replace(COMPARISON, unable={"nta-v1": "allocator 'nta-v1' sets 4 pages aside on each of 32 CPUs"})


def test_every_allocator_is_drawn_from_begin_to_end() -> None:
    spec = occupancy.spec(COMPARISON)
    rows = spec["datasets"]["points"]
    for each in COMPARISON.replayed:
        own = [row for row in rows if row["allocator"] == each.allocator]
        assert len(own) == POINTS + 1 and (own[0]["t"], own[-1]["t"]) == (0, COMPARISON.header.end_ns / 1e9)
        assert max(row["pages"] for row in own) == each.pages_peak
    drawn = {layer["encoding"]["y"]["field"] for panel in spec["vconcat"] for layer in panel["layer"]}
    assert drawn == {"pages", "filled", "pinned"} <= set(rows[0])


def test_png_and_html_by_the_name(tmp_path: Path) -> None:
    occupancy.write(tmp_path / "a.png", COMPARISON)
    occupancy.write(tmp_path / "a.html", UNABLE)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "a.html").read_text()
    assert (
        "default-src 'none'" in text and "<th>cross-CPU frees</th>" in text and "nta-v1 could not be replayed" in text
    )
    with pytest.raises(UsageError, match=r"--picture .*a.jpeg: a name that ends in .png or .html is needed"):
        occupancy.write(tmp_path / "a.jpeg", COMPARISON)
    with pytest.raises(HarnessError, match="cannot be written: No such file"):
        occupancy.write(tmp_path / "nowhere" / "a.html", COMPARISON)


def test_text_of_a_trace_is_escaped() -> None:
    trace = packets()
    header = msgspec.structs.replace(trace.header, scenario="</script><b>x")
    page = occupancy.page(compare(Trace(header=header, operations=trace.operations)))
    assert "<b>x" not in page and "&lt;b&gt;x" in page


@pytest.mark.browser
def test_a_browser_draws_it_without_a_word(tmp_path: Path) -> None:
    require_programs("chromium")
    occupancy.write(tmp_path / "a.html", COMPARISON)
    seen = look(tmp_path / "a.html", tmp_path)
    assert seen.dom.count("mark-line role-mark") >= 3 * len(COMPARISON.replayed), "three lines for each"
    assert seen.console == [] and seen.requests == []
