"""Pages of which a part is made by a command: what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`."""

from __future__ import annotations

from pathlib import Path


def write(page: Path, name: str, text: str) -> None:
    """Puts `text` between the marks of `name` in `page`, and leaves the rest. A page without them, or none yet, becomes
    `text` alone."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = page.read_text(encoding="utf-8") if page.exists() else ""
    before, found, rest = content.partition(begin)
    _, ends, after = rest.partition(end)
    text = text.rstrip("\n")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}" if found and ends else f"{text}\n", encoding="utf-8")
