"""Every link inside the repository leads somewhere, to a heading too, and every page can be reached from the README."""

from __future__ import annotations

from pathlib import Path

from docpages import DOCS, PAGES, ROOT, links, slugs


def inner(page: Path) -> list[tuple[Path, str]]:
    """File and anchor of each link of `page` that stays in the repository."""
    found = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        if "://" not in link and not link.startswith("mailto:"):
            found.append(((page.parent / path).resolve() if path else page, anchor))
    return found


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for path, anchor in inner(page):
            assert path.exists(), f"{page.name} links to {path}"
            assert not anchor or anchor in slugs(path), f"{page.name} links to {path.name}#{anchor}"


def test_every_page_can_be_reached() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [path for path, _ in inner(page) if path.is_file()]
        waiting += [path / "README.md" for path, _ in inner(page) if (path / "README.md").is_file()]
    assert {page for page in PAGES if page.is_relative_to(DOCS)} <= seen
