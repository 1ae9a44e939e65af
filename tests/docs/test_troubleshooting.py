"""docs/howto/troubleshooting.md has every message of exit code 3, and quotes none that is not there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

from docpages import DOCS, ROOT, text_of

PAGE = text_of(DOCS / "howto" / "troubleshooting.md")
SOURCES = [path for package in ("nodes", "controller", "traffic") for path in (ROOT / package).rglob("*.py")]
EXPLAINERS = ("_explain", "_why_unreachable")
"""Functions whose answers become the message of a LackingError."""
FOREIGN_WORDS = ("failed", "the Docker engine cannot be used")
"""After these stand iptables' or Docker's own words, which no page can list."""
HOLE = "\0"
"""Stands for what is filled in when a message is told."""
OWN_SHARE = 0.5
"""A text of whose words less than this is fixed fits any quote, and so vouches for none."""
TOLD_BY_OTHERS = {"Connection refused", "Connection reset by peer", "No route to host"}
"""Parts that the kernel tells."""


def letters(text: str) -> str:
    """Only what matters for being the same message."""
    return re.sub(rf"[^\w={HOLE}]+", " ", text).strip()


def messages() -> Iterator[tuple[str, str]]:
    """File and longest fixed part of every message of a LackingError."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            told: list[ast.expr] = []
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "LackingError":
                told = [arg for arg in node.args if isinstance(arg, ast.Constant | ast.JoinedStr)]
            elif isinstance(node, ast.FunctionDef) and node.name in EXPLAINERS:
                told = [part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value]
            for message in told:
                fixed = [part.value for part in ast.walk(message) if isinstance(part, ast.Constant)]
                if words := max((letters(part) for part in fixed if isinstance(part, str)), key=len, default=""):
                    yield path.name, words


def test_every_message_is_on_the_page() -> None:
    page = letters(PAGE)
    assert not [(file, words) for file, words in messages() if words not in page and not words.endswith(FOREIGN_WORDS)]


def test_every_message_on_the_page_is_told_somewhere() -> None:
    untold = {part for message in quoted() for part in parts_of(message) if not is_told(part)}
    assert untold == TOLD_BY_OTHERS


def test_a_message_that_nobody_tells_is_found_out() -> None:
    for invented in ("the kernel has no memory, and no module", "Docker sleeps: wake it", "cannot read the moon"):
        assert not all(map(is_told, parts_of(invented)))


def quoted() -> list[str]:
    """What the page quotes: the first cell of each row that begins with a quote."""
    rows = [line.partition("|")[2].partition(" | ")[0] for line in PAGE.splitlines() if line.startswith("| `")]
    return [message for row in rows for message in re.findall(r"`([^`]+)`", row)]


def parts_of(message: str) -> list[str]:
    """What of it one text has to hold as it stands: a cause and its remedy, say, are told by two."""
    return [part for piece in re.split(r"\.\.\.|[:;(){}]", message) if (part := letters(piece))]


def is_told(part: str) -> bool:
    """Whether a text of the source has this part of a message, or becomes it when its holes are filled."""
    return any(part in text for text in told_texts()) or any(fills(text, part) for text in told_texts())


def fills(text: str, message: str) -> bool:
    """Whether `message` is in `text` with its holes filled, and enough of the message is the text's own."""
    fixed = [piece for piece in (piece.strip() for piece in text.split(HOLE)) if piece]
    found = [piece for piece in fixed if piece in message]
    if sum(map(len, found)) < OWN_SHARE * len(message):
        return False
    return re.search(".*?".join(map(re.escape, found)), message) is not None


@cache
def told_texts() -> frozenset[str]:
    """The parts of every literal text of the source, and of every formatted one with its holes."""
    return frozenset(part for text in _literals() for part in parts_of(text))


def _literals() -> Iterator[str]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    for path in (ROOT / "nodes" / "kernel" / "guest").glob("*.c"):
        for text in re.findall(r'"([^"\n]*)"', path.read_text()):
            yield re.sub(r"%\w+", HOLE, text)
