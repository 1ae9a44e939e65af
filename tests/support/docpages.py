"""The documentation as data: its pages, sections, tables, fenced blocks and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, its language and its text."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@cache
def text_of(page: Path) -> str:
    """The page as written."""
    return page.read_text(encoding="utf-8")


@cache
def prose_of(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


def blocks(*languages: str, pages: list[Path] = PAGES) -> list[Block]:
    """All fenced blocks in one of `languages`, in the order of their pages."""
    return [block for page in pages for block in _blocks(page) if block.language in languages]


def _blocks(page: Path) -> Iterator[Block]:
    text = text_of(page)
    for match in _FENCE.finditer(text):
        yield Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2])


def links(page: Path) -> list[str]:
    """What the page's links point at."""
    return _LINK.findall(prose_of(page))


def slugs(page: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def section(name: str, heading: str) -> str:
    """The text below `heading` of docs/reference/<name>.md, up to the next heading of any depth."""
    found = re.search(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)",
        prose_of(DOCS / "reference" / f"{name}.md"),
        re.MULTILINE | re.DOTALL,
    )
    assert found, f"docs/reference/{name}.md has no heading '{heading}'"
    return found[1]


def rows(text: str) -> dict[str, list[str]]:
    """The tables in `text`: what stands in backticks at the head of each row, and the row's other cells. Headings and rulers
    have no backticks there and so are not rows."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        match = re.fullmatch(r"`([^`]+)`", cells[0])
        if line.startswith("|") and match:
            assert match[1] not in found, f"'{match[1]}' stands twice"
            found[match[1]] = cells[1:]
    return found


def table(name: str, heading: str = "") -> dict[str, list[str]]:
    """The rows of a reference page, or of one section of it."""
    return rows(section(name, heading) if heading else prose_of(DOCS / "reference" / f"{name}.md"))


def words(text: str) -> set[str]:
    """What stands in backticks."""
    return set(re.findall(r"`([^`]+)`", text))
