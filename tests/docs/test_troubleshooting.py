"""docs/howto/troubleshooting.md has every message of exit code 3; it and own-kernel.md quote none that is not there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from docpages import DOCS, ROOT, text_of

PAGE = text_of(DOCS / "howto" / "troubleshooting.md")
OWN_KERNEL = text_of(DOCS / "howto" / "own-kernel.md")
SOURCES = [path for package in ("nodes", "controller", "traffic") for path in (ROOT / package).rglob("*.py")]
EXPLAINERS = ("_explain", "_why_unreachable")
"""Functions whose answers become the message of a LackingError."""


def letters(text: str) -> str:
    """Only what matters for being the same message."""
    return re.sub(r"[^\w=]+", " ", text).strip()


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


@pytest.mark.parametrize(("file", "words"), list(dict.fromkeys(messages())))
def test_every_message_is_on_the_page(file: str, words: str) -> None:
    if words.endswith("failed") or words == "the Docker engine cannot be used":
        return  # iptables' and Docker's own words follow, which no page can list
    assert words in letters(PAGE), file


def quoted() -> list[str]:
    rows = [
        line.partition("|")[2].partition(" | ")[0]
        for line in (PAGE + OWN_KERNEL).splitlines()
        if line.startswith("| `")
    ]
    return [message for row in rows for message in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("message", quoted())
def test_every_message_on_the_page_is_told_somewhere(message: str) -> None:
    source = source_words()
    part = max((letters(part) for part in message.split("...")), key=len)
    assert part in source or all(word in source for word in part.split()), message


@cache
def source_words() -> str:
    """All literal text of the source."""
    return letters(" ".join(_literals()))


def _literals() -> Iterator[str]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
