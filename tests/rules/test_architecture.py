"""docs/explanation/architecture.md names the folders that are there, and no others."""

from __future__ import annotations

import os
import re
from pathlib import Path

import rooms

from controller.studies.pages import marked

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("nodes", "controller", "traffic")


def test_every_package_and_policy_is_on_the_map() -> None:
    text = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    tree = text.partition("## Folders and imports")[2].partition("```")[2].partition("```")[0]
    named = set(re.findall(r"([a-z0-9]+)/(?=\s|$)", tree, re.MULTILINE))
    folders = {path.parent.name for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")}
    assert folders <= named
    there = {path.name for path in ROOT.rglob("*") if path.is_dir() and ".venv" not in path.parts}
    assert named <= there
    modules = {path.stem for path in (ROOT / "nodes" / "machine").glob("[ap]*/*.py")} - {"__init__", "base"}
    assert modules <= set(tree.split())


def test_files_that_it_names_are_there() -> None:
    text = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    for name in re.findall(r"`((?:nodes|controller|traffic)/[\w/]+(?:\.py)?)/?`", text):
        assert (ROOT / name).exists(), name


def test_the_table_of_rooms_is_that_of_the_code() -> None:
    """Lines may drift by a tenth before somebody has to make it anew; rooms and imports may not."""
    page = ROOT / "docs" / "explanation" / "architecture.md"
    if os.environ.get("NETRESERVE_UPDATE_GOLDEN"):
        marked.write(page, "rooms", rooms.table())
    told = page.read_text().partition("<!-- rooms: begin -->")[2].partition("<!-- rooms: end -->")[0]
    assert [re.sub(r"[\d,]+ \|", "|", line) for line in told.strip().splitlines()] == [
        re.sub(r"[\d,]+ \|", "|", line) for line in rooms.table().splitlines()
    ]
    lines = {room: int(count.replace(",", "")) for room, count in re.findall(r"\| `(\w+)` \| ([\d,]+) \|", told)}
    for room, count in lines.items():
        assert 0.9 < count / rooms.rooms()[f"controller/{room}"] < 1.1, room
