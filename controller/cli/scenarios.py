"""Which file a person means by a scenario: one way for every verb."""

from __future__ import annotations

from pathlib import Path

from controller.here.testbed import find_root
from nodes.errors import LackingError, ScenarioError
from nodes.registry import did_you_mean

GALLERY = "scenarios"


def found(given: Path) -> Path:
    """The file `given`, or the one in the checkout's gallery that a bare name means: `classic`. Raises ScenarioError for a
    name that neither has; a path that is not there is for the reader to tell of."""
    if given.suffix or given.name != str(given) or given.is_file():
        return given
    try:
        gallery = find_root() / GALLERY
    except LackingError:
        return given
    files = {path.stem: path for path in sorted(gallery.glob("*.yaml"))}
    if given.name not in files:
        told = f"neither a file nor a scenario in {GALLERY}/"
        raise ScenarioError(told, file=str(given), hint=did_you_mean(given.name, files))
    path = files[given.name]
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
