"""docs/explanation/architecture.md names the folders that are there, and no others."""

from __future__ import annotations

import re
from pathlib import Path

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
