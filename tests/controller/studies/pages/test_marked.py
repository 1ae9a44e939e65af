"""Parts of pages that commands make."""

from __future__ import annotations

from pathlib import Path

from controller.studies.pages import marked

PAGE = "before\n<!-- t: begin -->\nold\n<!-- t: end -->\nafter <!-- u: begin -->\n"


def test_only_what_is_between_the_marks_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    marked.write(page, "t", "new\n\n")
    assert page.read_text() == PAGE.replace("old", "new")


def test_without_its_marks_a_page_becomes_the_text(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    marked.write(page, "t", "new")
    assert page.read_text() == "new\n"
    page.write_text(PAGE)
    marked.write(page, "u", "no end")
    assert page.read_text() == "no end\n"
